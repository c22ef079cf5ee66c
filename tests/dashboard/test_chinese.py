"""No page in Chinese has an English sentence of ours, whatever has happened."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr

from aijobs.adapters.chat.settings import ChatSettings
from aijobs.domain.errors import AijobsError, codes_below
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.waiting import MESSAGES
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.languages.language import LANGUAGES, Language
from aijobs.domain.values.languages.messages import Messages
from aijobs.domain.vendor import SandboxAccess
from aijobs.providers.registry import SHIPPED
from api.schemas.jobs import CatalogueEntry
from api.schemas.model_responses import model_responses
from tests.api.conftest import opened_dependencies
from tests.api.installation import WEBHOOK_SECRET, ApiUnderTest
from tests.dashboard.installation import DashboardUnderTest
from tests.dashboard.test_every_page import create_data
from workflows.client import TemporalJobEngine

CHINESE: Final = {"Accept-Language": "zh-CN", "Accept": "text/html"}

#: Three words in a row, of which the later ones are written small.
SENTENCE: Final = re.compile(r"[A-Za-z][a-z']+(?: [a-z'][a-z']*){2,}")

#: What others wrote, quoted after our own words for it.
QUOTED: Final = re.compile(r"（?原文：[^（）]*）?")

#: What is English on every page, and why.
STAYS: Final = (
    "aijobs sandbox faults",  # commands, as they are typed
    "temporal schedule describe --schedule-id aijobs-repair",
    "black forest labs",  # a vendor, by the name of its settings
)

#: Elements whose text is no sentence of ours: what is sent and received, codes, and what somebody wrote.
NO_WORDS_OF_OURS: Final = frozenset({"script", "style", "pre", "code", "textarea", "q"})
SHOWN: Final = frozenset({"aria-label", "title", "placeholder", "alt"})  #: attributes that people meet

VENDOR_SAYS: Final = "Sorry, we cannot draw that today."


async def test_no_page_in_chinese_has_an_english_sentence_of_ours(dashboard: DashboardUnderTest) -> None:
    installation = dashboard.installation
    paths = [*await create_data(dashboard), *await _failed_jobs(installation), *await _all_forms(installation)]
    paths += await _reference(installation)
    paths += ["/login", "/nowhere", "/jobs/job_none", "/photos/photo_none", "/jobs?status=nope", "/new?model=none"]

    found = {path: await _english(installation, path) for path in paths}

    assert len(paths) > 190
    assert {path: sentences for path, sentences in found.items() if sentences} == {}


async def test_the_same_pages_have_sentences_in_english(dashboard: DashboardUnderTest) -> None:
    """The search finds what it looks for."""
    page = await dashboard.installation.http.get("/models", headers={"Accept-Language": "en"})

    assert len(_sentences(page.text)) > 20


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/new", {"model_id": "replicate_imageupscale_v1", "params.upscale_factor": "3", "user_id": "ada"}),
        ("/new", {"model_id": "replicate_imageupscale_v1", "params.image": "file_none", "user_id": " "}),
        ("/pauses", {"kind": "user", "name": "", "reason": ""}),
        ("/templates", {"id": "?", "name": "", "prompt": "", "columns": "a : nonsense"}),
        ("/new/template", {"id": "?", "name": "", "prompt": "", "columns": "a : nonsense"}),
        ("/keys", {"name": "", "kind": "user"}),
    ],
)
async def test_a_form_that_is_refused_says_why_in_chinese(
    dashboard: DashboardUnderTest, path: str, form: dict[str, str]
) -> None:
    headers = {**CHINESE, "Origin": dashboard.url}

    answer = await dashboard.installation.http.post(path, data=form, headers=headers)

    assert answer.status_code in {404, 405, 422}
    assert _sentences(answer.text) == []


async def test_every_model_and_every_parameter_is_described_in_every_language(
    database_kind: str, tmp_path: Path, engine: TemporalJobEngine
) -> None:
    """All that are shipped: every provider has a key here."""
    access = SandboxAccess(url="http://127.0.0.1:9", token="secret-key", webhook_secret=WEBHOOK_SECRET)
    keys: dict[str, Any] = {name: package.vendor.stand_in(access) for name, package in SHIPPED.items()}
    chat = ChatSettings(token=SecretStr("secret-key"))
    async with opened_dependencies(tmp_path, engine, chat=chat, **keys) as dependencies:
        entries = model_responses(dependencies.models)

    assert [entry.model_id for entry in entries if entry.parameters is None] == []
    assert [missing for language in LANGUAGES[1:] for entry in entries for missing in _missing(entry, language)] == []


def _missing(entry: CatalogueEntry, language: Language) -> Iterator[tuple[str, str, str]]:
    """What is not said in a language: a parameter, and its text in English."""
    if entry.model_desc_in[language.value] == entry.model_desc:
        yield entry.model_id, "", entry.model_desc
    for name, declared in (entry.parameters or {})["properties"].items():
        if not Messages(language).has("parameter", name):
            yield entry.model_id, name, "label"
        english = declared.get("description")
        if english and declared["x-in"][language.value]["description"] == english:
            yield entry.model_id, name, english


@pytest.mark.parametrize("language", LANGUAGES[1:], ids=str)
def test_what_a_job_waits_for_is_said_in_every_language(language: Language) -> None:
    assert [text for text in MESSAGES.values() if not Messages(language).translated(text)] == []


async def _failed_jobs(installation: ApiUnderTest) -> list[str]:
    """A job for each error code, whose message is a vendor's."""
    paths = []
    for code in sorted(set(codes_below(AijobsError))):
        job = await installation.job("ada")
        error = JobError(code=code, message=VENDOR_SAYS, stage=Stage.PROCESSING)
        await installation.dependencies.records.gate.advance(job, JobStatus.FAILED, error=error)
        paths.append(f"/jobs/{job}")
    return paths


async def _all_forms(installation: ApiUnderTest) -> list[str]:
    models = (await installation.http.get("/api/models")).json()["data"]
    return [f"/new?model={model['model_id']}" for model in models]


async def _reference(installation: ApiUnderTest) -> list[str]:
    methods = (await installation.http.get("/openapi.json")).json()["paths"].values()
    return [f"/docs/{operation['operationId']}" for one in methods for operation in one.values()]


async def _english(installation: ApiUnderTest, path: str) -> list[str]:
    return _sentences((await installation.http.get(path, headers=CHINESE)).text)


def _sentences(page: str) -> list[str]:
    reader = _TextReader()
    reader.feed(page)
    return [found for text in reader.texts for found in SENTENCE.findall(_without_what_stays(text))]


def _without_what_stays(text: str) -> str:
    text = QUOTED.sub("", text)
    for allowed in STAYS:
        text = text.replace(allowed, "")
    return text


class _TextReader(HTMLParser):
    """Collects what people read: texts, and the attributes that are shown or read aloud."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._skipped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._skipped += tag in NO_WORDS_OF_OURS
        self.texts.extend(value for name, value in attrs if name in SHOWN and value)

    def handle_endtag(self, tag: str) -> None:
        self._skipped -= tag in NO_WORDS_OF_OURS

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.texts.append(" ".join(data.split()))
