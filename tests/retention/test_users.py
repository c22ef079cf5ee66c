"""A user's everything: exported whole, and erased so that nothing of it is found anywhere."""

import io
import json
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, update
from temporalio.client import Client

from aijobs.domain.jobs.events import EventKind
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.points import ALERTS
from aijobs.domain.webhooks import EventType
from aijobs.persistence.batches.feed import DatabaseBatchFeed
from aijobs.persistence.jobs.resolutions import Resolution
from aijobs.persistence.points import audit
from aijobs.persistence.points.ledger import set_limit
from aijobs.persistence.tables import JobRow
from aijobs.persistence.webhooks.endpoints import create_endpoint
from tests.api.conftest import started_run
from tests.api.installation import ApiUnderTest
from tests.retention.conftest import Retaining
from tests.retention.planted import MARK, USER, plant
from tests.retention.test_tables import KEPT_BARE, tables_of_people

Dump = Callable[[], Awaitable[str]]

UNMARKED = {"erasure"}  #: it begins later


def tables_with(text: str, dump: str) -> set[str]:
    return {line.partition(":")[0] for line in dump.splitlines() if text in line}


async def settled(api: ApiUnderTest) -> None:
    """End what runs, as workers would."""
    for job in (await api.http.get("/api/jobs", headers={"Aijobs-User": USER})).json()["data"]:
        if not JobStatus[job["job_status_name"]].is_final:
            await api.push(job["code"], JobStatus.CANCELED)


async def erased(api: ApiUnderTest, retain: Retaining) -> dict[str, Any]:
    """Erase the user; the last state of the erasure."""
    requested = await api.http.delete(f"/api/users/{USER}")
    assert requested.status_code == 202, requested.text
    for _ in range(5):
        await retain()
        await settled(api)
        for batch in (await api.http.get("/api/batches", headers={"Aijobs-User": USER})).json()["data"]:
            app = api.dependencies
            await DatabaseBatchFeed(app.database, app.catalogue, daily_limit=100).step(batch["code"])
        state = (await api.http.get(f"/api/erasures/{requested.json()['code']}")).json()
        if state["status"] == "DONE":
            return dict(state)
    raise AssertionError(state)


async def test_nothing_of_an_erased_user_is_found_anywhere(
    api: ApiUnderTest,
    retain: Retaining,
    temporal: Client,
    database_dump: Dump,
    tmp_path: Path,
    database_kind: str,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = await plant(api)
    await started_run(temporal, code)
    before = await database_dump()
    assert before.count(MARK) > 60
    assert tables_of_people() - tables_with(MARK, before) == UNMARKED, "plant the mark in new tables, too"
    other = await api.job("bob")

    state = await erased(api, retain)

    after = await database_dump()
    assert MARK not in after
    assert tables_with(code, after) - KEPT_BARE.keys() == set()
    assert (state["waits_for"], state["counts"]["jobs"], state["counts"]["items"]) == (None, 3, 1)
    assert await api.dependencies.database.snapshot(audit.violations) == []
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert MARK.encode() not in file.read_bytes(), file
            assert MARK not in str(file)
    assert MARK not in capsys.readouterr().out + caplog.text
    runs = [run async for run in temporal.list_workflows() if run.id in before]
    for run in runs:
        assert run.id == other
    assert (await api.http.get(f"/api/jobs/{other}")).status_code == 200
    acts = (await api.http.get("/api/audit?act=erasure")).json()["data"]
    assert [act["act"] for act in acts] == ["erasure.done", "erasure.requested"]
    assert {act["user_id"] for act in acts} == {state["pseudonym"]}


async def test_an_export_has_all_that_was_planted(api: ApiUnderTest) -> None:
    code = await plant(api)
    await api.http.delete(f"/api/jobs/{code}")

    answer = await api.http.get(f"/api/users/{USER}/export")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        content = {name: archive.read(name) for name in archive.namelist()}
    texts = {name: text for name, text in content.items() if name.endswith(".jsonl")}
    tables = {name: [json.loads(line) for line in text.splitlines()] for name, text in texts.items()}
    everything = b"".join(content.values()).decode("utf-8", "replace")
    for planted in (
        *(
            "metadata",
            "prompt",
            "answer",
            "output",
            "reason",
            "row",
            "message",
            "report",
            "error",
            "task",
            "upload.png",
        ),
        *("ref", "failed", "uploaded-row", "key", "upload.png"),
    ):
        assert f"{MARK}-{planted}" in everything, planted
    assert f"{MARK}-token" not in everything
    assert {job["code"] for job in tables["jobs.jsonl"]} >= {code}
    assert {event["kind"] for event in tables["events.jsonl"]} >= {EventKind.STATUS, EventKind.NOTE}
    assert sum(entry["points"] for entry in tables["points.jsonl"]) > 0
    assert any(name.startswith("files/") for name in content)
    assert "sha256" not in tables["keys.jsonl"][0]
    acts = (await api.http.get("/api/audit?act=data.exported")).json()["data"]
    assert [act["user_id"] for act in acts] == [USER]


async def test_an_export_of_a_stranger_is_empty(api: ApiUnderTest) -> None:
    answer = await api.http.get("/api/users/nobody/export")

    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert {archive.read(name) for name in archive.namelist() if name != "acts.jsonl"} == {b""}


async def test_a_user_on_hold_is_not_erased(api: ApiUnderTest, retain: Retaining) -> None:
    hold = (await api.http.post("/api/holds", json={"user": USER, "reason": "Case 17"})).json()
    refused = await api.http.delete(f"/api/users/{USER}")
    twice = await api.http.post("/api/holds", json={"user": USER, "reason": "Case 18"})
    await api.http.delete(f"/api/holds/{hold['id']}")
    code = await api.job(USER)
    await api.push(code, JobStatus.FAILED)
    requested = (await api.http.delete(f"/api/users/{USER}")).json()
    again = (await api.http.delete(f"/api/users/{USER}")).json()
    job_hold = (await api.http.post("/api/holds", json={"job": code, "reason": "Case 19"})).json()

    await retain()
    waiting = (await api.http.get(f"/api/erasures/{requested['code']}")).json()
    await api.http.delete(f"/api/holds/{job_hold['id']}")
    await retain()
    done = (await api.http.get(f"/api/erasures/{requested['code']}")).json()

    assert (refused.status_code, refused.json()["code"]) == (409, "on_legal_hold")
    assert (twice.status_code, twice.json()["code"]) == (409, "already_held")
    assert again["code"] == requested["code"]
    assert (waiting["status"], waiting["waits_for"]) == ("WAITING", "legal_hold")
    assert (done["status"], done["ended_at"] is not None) == ("DONE", True)


@pytest.mark.parametrize("name", ["ada ", "a\nb", "ﬁ\u202e"])
async def test_what_cannot_be_a_user_is_not_held(api: ApiUnderTest, name: str) -> None:
    answer = await api.http.post("/api/holds", json={"user": name, "reason": "Case 20"})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/user")
    assert (await api.http.get("/api/holds")).json()["data"] == []


async def test_an_erasure_waits_for_points_that_are_held(api: ApiUnderTest, retain: Retaining) -> None:
    code = await api.job(USER)
    error = JobError(code="test", message="As the test wants it.", stage=Stage.PROCESSING)
    await api.dependencies.records.gate.advance(code, JobStatus.TIMEOUT, error=error, provider_may_charge=True)
    requested = (await api.http.delete(f"/api/users/{USER}")).json()

    await retain()
    waiting = (await api.http.get(f"/api/erasures/{requested['code']}")).json()
    body = {"decision": Resolution.REFUND, "why": "Nothing was made."}
    (await api.http.post(f"/api/jobs/{code}/resolve", json=body)).raise_for_status()
    await retain()
    done = (await api.http.get(f"/api/erasures/{requested['code']}")).json()

    assert (waiting["status"], waiting["waits_for"]) == ("WAITING", "held_points")
    assert done["status"] == "DONE"
    assert await api.dependencies.database.snapshot(audit.violations) == []


async def test_a_job_of_a_model_that_is_gone_keeps_no_other_user_from_being_erased(
    api: ApiUnderTest, retain: Retaining
) -> None:
    waits = await api.job("somebody")
    await api.dependencies.database.write(forget_model, waits)
    codes = [(await api.http.delete(f"/api/users/{user}")).json()["code"] for user in ("somebody", USER)]

    await retain()
    await retain()

    states = [(await api.http.get(f"/api/erasures/{code}")).json() for code in codes]
    assert [(state["status"], state["waits_for"]) for state in states] == [
        ("WAITING", "unfinished_jobs"),
        ("DONE", None),
    ]


def forget_model(session: Session, code: str) -> None:
    session.exec(update(JobRow).where(col(JobRow.code) == code).values(model_id="gone_v1"))


async def test_what_receivers_for_all_users_were_told_of_a_user_is_erased(
    api: ApiUnderTest, retain: Retaining, database_dump: Dump
) -> None:
    database = api.dependencies.database
    await database.write(
        create_endpoint, user_id=None, url="https://example.com/hook", events=[EventType.ALERT], created_by="test"
    )
    await database.write(set_limit, USER, 2)
    code = await api.job(USER)
    await api.push(code, JobStatus.FAILED)
    before = tables_with(USER, await database_dump())

    state = await erased(api, retain)

    assert "webhook_delivery" in before
    assert tables_with(USER, await database_dump()) == set()
    assert state["counts"]["webhook_delivery"] == len(ALERTS)


async def test_the_keys_of_an_erased_user_are_void_at_once(api: ApiUnderTest) -> None:
    key = await api.key_for(USER)
    assert (await api.http.get("/api/jobs", headers=key)).status_code == 200

    await api.http.delete(f"/api/users/{USER}")

    assert (await api.http.get("/api/jobs", headers=key)).status_code == 401


async def test_a_users_own_lifetimes_are_set_and_taken_back(api: ApiUnderTest) -> None:
    path = f"/api/users/{USER}/retention"
    said = (await api.http.put(path, json={"jobs": "36h", "outputs": "forever"})).json()
    kept = (await api.http.get(path)).json()
    wrong = await api.http.put(path, json={"jobs": "0s"})
    await api.http.put(path, json={})

    assert said == kept
    assert {name: lifetime for name, lifetime in kept.items() if lifetime} == {"jobs": "36h", "outputs": "forever"}
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/jobs")
    assert set((await api.http.get(path)).json().values()) == {None}
