"""Sentences of ours in another language: whole ones, ones with gaps, several in a row; and every file is complete."""

import string
from typing import Final

import pytest

from aijobs.domain.errors import AijobsError, codes_below
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.languages.language import LANGUAGES, Language, accepted_language, locale_language, tables
from aijobs.domain.values.languages.messages import SENTENCES, Messages, messages
from aijobs.domain.values.languages.sentences import Sentences

KNOWN: Final = Sentences(
    {
        "Must be text.": "必须是文本。",
        "There is no job {code}.": "没有任务 {code}。",
        "The template {id} is wrong: {wrong}": "模板 {id} 有误：{wrong}",
        "{a} before {b}": "{b} 之前是 {a}",
        "{a}, {b}, {c}, {d}, {e}, {f}, {g}: {h}!": "{a}，{b}，{c}，{d}，{e}，{f}，{g}：{h}！",
    }
)


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("Must be text.", "必须是文本。"),
        ("There is no job job_1.", "没有任务 job_1。"),
        ("The template t is wrong: Must be text.", "模板 t 有误：必须是文本。"),
        ("There is no job job_1. Must be text.", "没有任务 job_1。必须是文本。"),
        ("one before two", "two 之前是 one"),
        ("The vendor's own words.", None),
        ("Must be text. The vendor's own words.", None),
        ("Must be text. " * 500, None),
        ("1, 2, 3, 4, 5, 6, 7, 8: 9: 10!", "1，2，3，4，5，6，7, 8：9: 10！"),
        ("1, " * 300, None),
    ],
)
def test_a_sentence_is_known_whole_with_its_gaps_filled_or_after_another(english: str, chinese: str | None) -> None:
    assert KNOWN.translated(english) == chinese


def test_what_a_vendor_says_is_quoted_after_what_its_code_means() -> None:
    chinese = Messages(Language.ZH)

    assert chinese.failure("provider_rejected", "Not safe.") == "服务商拒绝了该任务。（原文：Not safe.）"
    assert chinese.failure("deadline_passed", "The queue deadline has passed.") == "排队超时。"
    assert Messages(Language.EN).failure("provider_rejected", "Not safe.") == "Not safe."


@pytest.mark.parametrize("language", LANGUAGES, ids=str)
def test_every_error_code_and_every_status_has_words(language: Language) -> None:
    wanted = {f"error_code.{code}" for code in codes_below(AijobsError)} | {f"status.{one.name}" for one in JobStatus}

    assert wanted - messages(language).keys() == set()


@pytest.mark.parametrize("status", JobStatus)
def test_a_status_is_called_the_same_in_the_api_and_on_pages(status: JobStatus) -> None:
    assert (status.en, status.zh) == (Messages(Language.EN).status(status), Messages(Language.ZH).status(status))


@pytest.mark.parametrize("language", LANGUAGES[1:], ids=str)
def test_a_translated_sentence_has_the_gaps_of_its_original(language: Language) -> None:
    known = tables(language)[SENTENCES]

    strangers = {english: text for english, text in known.items() if not _gaps(text) <= _gaps(english)}

    assert known
    assert strangers == {}


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        (["zh_CN.UTF-8"], Language.ZH),
        ([None, "", "zh_TW"], Language.ZH),
        (["C.UTF-8", "zh_CN.UTF-8"], Language.EN),
        ([], Language.EN),
    ],
)
def test_the_locale_chooses_the_language_of_the_command_line(variables: list[str | None], language: Language) -> None:
    assert locale_language(variables) == language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", Language.ZH),
        ("en ; q=0.5, ZH; Q=0.9", Language.ZH),
        ("fr, zh;q=0", Language.EN),
        ("zh;q=x, *", Language.EN),
        ("", Language.EN),
    ],
)
def test_a_browser_chooses_the_language_of_the_pages(header: str, language: Language) -> None:
    assert accepted_language(header) == language


def _gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}
