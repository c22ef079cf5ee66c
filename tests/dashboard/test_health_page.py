"""The Health page says what was found and what to do, in the reader's language."""

from datetime import timedelta

import pytest
from pydantic import HttpUrl

from aijobs.domain.values.health_findings import HealthKind
from aijobs.domain.values.host_facts import GIB, Expiry, HostFacts, Room
from aijobs.persistence.column_types import now
from aijobs.persistence.processes import ALIVE_FOR, see
from aijobs.process_settings import ApiSettings
from dashboard.language import LANGUAGES, Language, messages
from dashboard.pages.temporal_links import job_in_temporal, jobs_in_temporal
from tests.dashboard.installation import DashboardUnderTest
from tests.persistence.test_processes import grow_old, process_row


def full_and_expiring() -> dict[str, object]:
    facts = HostFacts(
        rooms=(Room(what="data", path="/srv/aijobs", free=GIB // 4, total=100 * GIB),),
        expiries=(Expiry(what="certificate", name="https://ai.example.com", at=now() + timedelta(days=3)),),
    )
    return {"facts": facts.model_dump(mode="json")}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_finding_has_a_sentence_and_an_advice(language: Language) -> None:
    known = messages(language)

    assert all({f"health_finding.{kind}", f"health_finding_advice.{kind}"} <= known.keys() for kind in HealthKind)


async def test_what_was_found_is_on_the_page_with_what_to_do(dashboard: DashboardUnderTest) -> None:
    database = dashboard.installation.dependencies.database
    await database.write(see, process_row("host", "webhooks") | full_and_expiring())

    pages = {
        language: (await dashboard.installation.http.get("/health", headers={"Accept-Language": str(language)})).text
        for language in LANGUAGES
    }

    for language, page in pages.items():
        known, values = messages(language), {"host": "host-of-host", "subject": "/srv/aijobs", "free": "268.4 MB"}
        assert known["health_finding.disk_full"].format(**values) in page
        assert known["health_finding_advice.disk_full"] in page
        assert known["health_finding.certificate_expires"].format(subject="https://ai.example.com") in page
        assert known["health.well"] not in page
    assert pages[Language.EN].count('data-kind="') == 2


async def test_a_worker_that_is_gone_is_an_alarm_on_the_page(dashboard: DashboardUnderTest) -> None:
    database = dashboard.installation.dependencies.database
    await database.write(see, process_row("gone", "lost-queue"))
    await database.write(grow_old, "gone", ALIVE_FOR.total_seconds() + 1)

    page = (await dashboard.installation.http.get("/health")).text

    assert timedelta(seconds=15) > ALIVE_FOR
    assert ": lost-queue</strong>" in page


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("http://temporal.test:8233", "http://temporal.test:8233/namespaces/default/workflows"),
        ("https://temporal.test/namespaces/ai/", "https://temporal.test/namespaces/ai/workflows"),
    ],
)
def test_links_into_temporal_show_jobs_alone(address: str, link: str) -> None:
    settings = ApiSettings(temporal_ui=HttpUrl(address))

    assert jobs_in_temporal(settings) == f"{link}?query=%60WorkflowType%60%3D%22AiJob%22"
    assert job_in_temporal(settings, "job_1") == f"{link}/job_1"
    assert jobs_in_temporal(ApiSettings()) is None
