"""Both languages have the same messages."""

import re
import string
from pathlib import Path

import pytest
from fastapi import Request

from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.domain.jobs.waiting import WaitFor
from aijobs.domain.values.audit import ActKind, ActorKind
from dashboard.formatting import fact
from dashboard.forms.form_errors import fields_shown, messages_of
from dashboard.forms.template_form import TemplateForm
from dashboard.language import LANGUAGES, Language, Messages, language_of, messages

TEMPLATES = Path(__file__).parents[2] / "dashboard" / "templates"


def test_both_languages_have_the_same_messages_with_the_same_gaps() -> None:
    gaps = {language: {key: _gaps(text) for key, text in messages(language).items()} for language in LANGUAGES}

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

    assert language_of(request) == language


def test_a_foreign_word_stays_as_it_is() -> None:
    assert Messages(Language.ZH).known("kind", "something new") == "something new"


def _gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_a_form_shows_the_first_of_its_errors_and_how_many_there_are() -> None:
    refused = InvalidParameters("Some fields are wrong.", *(FieldError(f"/f{n}", "x" * 5000) for n in range(50)))

    english, chinese = (messages_of(refused, Messages(language), named=True) for language in LANGUAGES)

    assert english[0] == "Some fields are wrong. And 30 more."
    assert chinese[0] == "部分字段有误。另有 30 处错误。"
    assert len(english) == len(chinese) == 1 + 20
    assert max(map(len, english)) < 1100
    assert messages_of(InvalidParameters("One.", FieldError("/a", "b")), Messages(Language.EN)) == ["One.", "b"]


@pytest.mark.parametrize("field", ["max_stages", "header_row", "first_data_row", "part_tokens"])
@pytest.mark.parametrize("number", ["9" * 5000, "٣", "-1", "1.5", "9" * 12, "0"])
def test_what_is_no_number_of_a_template_is_refused_in_its_field(field: str, number: str) -> None:
    form = TemplateForm.sent({"id": "a", "name": "n", "prompt": "p", "columns": "a", field: number})

    with pytest.raises(InvalidParameters) as refused:
        form.definition()

    assert [error.pointer for error in refused.value.fields] == [f"/{field}"]
    assert len(refused.value.fields[0].message) < 300


@pytest.mark.parametrize("columns", ["a : nonsense\n" * 20_000, ("x" * 9000 + " : nonsense\n") * 200])
def test_a_template_with_very_many_wrong_columns_is_refused_in_few_words(columns: str) -> None:
    form = TemplateForm.sent({"id": "a", "name": "n", "prompt": "p", "columns": columns})

    with pytest.raises(InvalidParameters) as refused:
        form.definition()

    with pytest.raises(InvalidParameters) as refused_rules:
        TemplateForm.sent({"id": "a", "name": "n", "prompt": "p", "columns": "a", "rules": columns}).definition()

    assert sum(len(error.message) for error in fields_shown(refused_rules.value)) < 20_000
    assert sum(len(error.message) for error in fields_shown(refused.value)) < 20_000


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_a_job_can_wait_for_has_a_message_and_a_short_one(language: Language) -> None:
    keys = {f"{table}.{wait}" for table in ("waiting", "waiting_short") for wait in WaitFor}

    assert keys - messages(language).keys() == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_is_recorded_in_the_audit_log_has_a_message(language: Language) -> None:
    keys = {f"audit.{kind.replace('.', '_')}" for kind in ActKind} | {f"audit.by_{kind}" for kind in ActorKind}

    assert keys - messages(language).keys() == set()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("raw_status", "processing", "processing"),  # the provider's own word
        ("outcome", "accepted", "已接受"),
        ("provider_cancel", "too_late", "为时已晚"),
        ("resolved", "refund", "退还"),
        ("repair", "its workflow was missing and is started", "工作流缺失，已重新启动"),
    ],
)
def test_a_part_of_an_event_is_said_in_the_language_of_the_page(name: str, value: str, said: str) -> None:
    words = Messages(Language.ZH)

    assert (words.has("fact", name), fact(words, name, value)) == (True, said)
