"""Text of vendors and users cannot control the terminal."""

import asyncio
import json
import os
import pty
import re
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from rich.text import Text
from sqlalchemy import text
from sqlmodel import Session

from aijobs.domain.lifecycle import JobStatus
from cli import terminal_text
from tests.api.installation import ApiUnderTest
from tests.cli.command import ROOT, aijobs_process, environment

CLEAR: Final = "\x1b[2J"
COPY: Final = "\x1b]52;c;cm0gLXJmIH4=\x07"
LINK: Final = "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\"
C1: Final = "\x9b31mred\x9d0;title\x9c"
BIDI: Final = "\u202egnp.exe\u2066"
HOSTILE: Final = f"bad{CLEAR}{COPY}{LINK}{C1}{BIDI}\r\n  ✓ All is well\u2028\x7f\t[bold red]markup[/]"

#: Characters that control a terminal, without the end of a line.
CONTROLS: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
#: Rich's own colours and cursor in a terminal.
RICH_CODES: Final = re.compile(r"\x1b\[[\d;?]*[mhlKAG]|\r\n|\r")

SHOWN: Final = (
    ("jobs",),
    ("show", "CODE"),
    ("show", "CODE", "--exchange"),
    ("watch", "CODE"),
    ("logs", "CODE"),
    ("webhooks", "deliveries"),
    ("cancel", "CODE"),
    ("jobs", "--json"),
    ("show", "CODE", "--json", "--exchange"),
    ("watch", "CODE", "--json"),
    ("logs", "CODE", "--json"),
)


async def submit_hostile_job(api: ApiUnderTest) -> str:
    code = await api.job()
    await api.push(code, JobStatus.SUBMITTED, JobStatus.FAILED)
    document = json.dumps({"message": HOSTILE, "code": "provider_failed", "stage": "processing"})
    values = {"code": code, "text": HOSTILE, "error": document}
    statements = (
        "UPDATE job SET error = :error, out_id = :text, model_name = :text, platform = :text, req_json = :error, "
        "resp_json = :error, user_id = 'u' || :text WHERE code = :code",
        "UPDATE job_event SET detail = :error WHERE job_code = :code",
    )

    def work(session: Session) -> None:
        connection = session.connection()
        for statement in statements:
            filled = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(text(statement), filled)

    await api.dependencies.database.write(work)
    return code


@pytest.mark.parametrize("arguments", SHOWN, ids=" ".join)
async def test_nothing_is_obeyed(api: ApiUnderTest, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    code = await submit_hostile_job(api)
    filled = [code if argument == "CODE" else argument for argument in arguments]

    result = await aijobs_process(*filled, "--url", api.url, folder=tmp_path)

    assert not CONTROLS.search(result.out + result.err), result
    if "--json" in arguments:
        assert repr(HOSTILE)[1:-1] in str(result.lines)
    elif arguments[0] in {"show", "watch"}:
        assert len([line for line in result.out.splitlines() if "All is well" in line]) == result.out.count("bad")
        assert "[bold red]markup[/]" in result.out


@pytest.mark.parametrize("arguments", [("jobs",), ("show", "CODE", "--exchange"), ("watch", "CODE")], ids=" ".join)
async def test_nothing_is_obeyed_by_a_terminal(api: ApiUnderTest, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    code = await submit_hostile_job(api)
    filled = [code if argument == "CODE" else argument for argument in arguments]

    output = await run_in_terminal(*filled, "--url", api.url, folder=tmp_path)

    assert "bad" in output
    assert not CONTROLS.search(RICH_CODES.sub("", output)), repr(output)
    assert "evil.example\x1b" not in output


async def run_in_terminal(*arguments: str, folder: Path, columns: int = 200) -> str:
    controller, terminal = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", *arguments),
        env=environment(folder, TERM="xterm-256color", COLUMNS=str(columns)),
        cwd=ROOT,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    output = await asyncio.to_thread(_read_all, controller)
    await process.wait()
    os.close(controller)
    return output


def _read_all(terminal: int) -> str:
    output = b""
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            chunk = b""
        if not chunk:
            return output.decode()
        output += chunk


async def test_a_problem_from_the_api_is_one_line(api: ApiUnderTest, tmp_path: Path) -> None:
    result = await aijobs_process("show", f"job_x{CLEAR}\n{COPY}", "--url", api.url, folder=tmp_path)

    assert result.code != 0
    assert not CONTROLS.search(result.err)


def test_a_line_stays_as_long_as_it_was() -> None:
    assert len(terminal_text.one_line(HOSTILE)) == len(HOSTILE)
    styled = terminal_text.one_line_of(Text.assemble(("a\nb", "red"), "c\x1b"))
    assert styled.plain == "a␊bc␛"
    assert [(span.start, span.end) for span in styled.spans] == [(0, 3)]


@pytest.mark.parametrize("value", [HOSTILE, {"a": [HOSTILE, 1]}, "\ud800", "plain ✓ 生成中"])
def test_json_stays_the_same_json(value: Any) -> None:
    output = terminal_text.json_text(json.dumps(value, ensure_ascii=False))

    assert json.loads(output) == value
    assert not CONTROLS.search(output)
