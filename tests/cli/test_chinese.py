"""The command line in Chinese, by the locale: help, errors and output have no English sentence of ours."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from typer.main import get_command

from aijobs.domain.values.languages.language import LANGUAGES, Language
from aijobs.domain.values.languages.messages import Messages
from cli.errors import Exit
from cli.main import COMMANDS, build_cli
from cli.words.wording import in_words, label
from tests.cli.conftest import Command

CHINESE: Final = {"LC_ALL": "zh_CN.UTF-8"}
SENTENCE: Final = re.compile(r"[A-Za-z']{2,}(?: [a-z'][a-z']+){2,}")  #: three words in a row
COMMAND_LINE: Final = re.compile(r"`[^`]*`|aijobs [a-z-]+( [a-z-]+)*")  #: what is typed stays as it is


@pytest.mark.parametrize("language", LANGUAGES[1:], ids=str)
@pytest.mark.parametrize("name", COMMANDS)
def test_the_whole_help_of_a_command_is_translated(name: str, language: Language) -> None:
    words = Messages(language)

    missing = [text for text in _help_texts(get_command(build_cli(name))) if not words.translated(text)]

    assert missing == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["upp"], Exit.USAGE, "没有这个命令：upp"),
        (["jobs", "--nope"], Exit.USAGE, "没有这个选项：--nope"),
        (["show"], Exit.USAGE, "缺少参数 CODE。"),
        (["jobs", "--limit", "x"], Exit.USAGE, "--limit"),
        (["jobs", "--status", "nope"], Exit.USAGE, "没有状态 'nope'。"),
        (["jobs"], Exit.ERROR, "没有 API 密钥"),
        (["resolve", "job_1", "--why", "x", "--url", "http://127.0.0.1:9"], Exit.USAGE, "请指定 --refund"),
        (["batch", "run", "nowhere", "-m", "m", "--key", "k"], Exit.ERROR, "没有文件或文件夹 nowhere"),
    ],
)
def test_errors_are_said_in_the_language_of_the_terminal(
    aijobs: Command, tmp_path: Path, arguments: list[str], code: Exit, said: str
) -> None:
    result = aijobs(*arguments, **CHINESE)

    assert result.code == code
    assert said in result.err
    assert SENTENCE.findall(COMMAND_LINE.sub("", result.err)) == []


def test_the_doctor_speaks_the_language_of_the_terminal(aijobs: Command, tmp_path: Path) -> None:
    result = aijobs("doctor", **CHINESE)

    assert "没有密钥。" in result.out
    assert SENTENCE.findall(COMMAND_LINE.sub("", result.out)) == []


def test_names_of_values_are_translated_and_others_words_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")

    assert [label("status"), label("try 2"), label("aijobs_something")] == ["状态", "尝试 2", "aijobs_something"]
    assert [in_words("status"), in_words("try again later")] == ["status", "try again later"]


def test_help_is_cut_nowhere(aijobs: Command, tmp_path: Path) -> None:
    shown = aijobs("jobs", "--help", COLUMNS="80", **CHINESE).out

    assert "列出和搜索任务" in shown
    assert "显示帮助。" in shown
    assert "…" not in shown


def test_a_padded_name_stays_as_wide_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")

    assert in_words("Database  ") == "数据库    "
    assert in_words("job_01 is mine") == "job_01 is mine"


def _help_texts(command: Any) -> Iterator[str]:
    """Of the command, its options and the commands below it; a paragraph each."""
    for text in (command.help, *(getattr(option, "help", None) for option in command.params)):
        yield from (" ".join(paragraph.split()) for paragraph in (text or "").split("\n\n") if paragraph.strip())
    for below in getattr(command, "commands", {}).values():
        yield from _help_texts(below)
