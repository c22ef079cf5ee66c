"""Both languages have the same messages."""

import re
import string
from pathlib import Path

import pytest
from fastapi import Request

from dashboard.language import Language, Messages, language_of, messages

TEMPLATES = Path(__file__).parents[2] / "dashboard" / "templates"


def test_both_languages_have_the_same_messages_with_the_same_gaps() -> None:
    gaps = {language: {key: _gaps(text) for key, text in messages(language).items()} for language in Language}

    assert gaps[Language.EN] == gaps[Language.ZH]


def test_every_message_that_a_template_names_is_there() -> None:
    named = {
        key
        for path in TEMPLATES.rglob("*.html")
        for key in re.findall(r"""\bt\(\s*["']([a-z_]+\.[a-z_]+)["'](?!\s*~)""", path.read_text("utf-8"))
    }

    assert named
    assert named - messages(Language.EN).keys() == set()


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", Language.ZH),
        ("en-GB,zh;q=0.5", Language.EN),
        ("fr-FR, zh;q=0.3", Language.ZH),
        ("fr", Language.EN),
        ("zh;q=0, en", Language.EN),
        ("zh;q=garbage", Language.EN),
        ("", Language.EN),
    ],
)
def test_the_browsers_language_is_spoken_if_it_is_one_of_ours(header: str, language: Language) -> None:
    request = Request({"type": "http", "headers": [(b"accept-language", header.encode())]})

    assert language_of(request) is language


def test_a_foreign_word_stays_as_it_is() -> None:
    assert Messages(Language.ZH).known("kind", "something new") == "something new"


def _gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}
