"""A user's everything: exported whole, and erased so that nothing of it is found anywhere."""

import io
import json
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session
from temporalio.client import Client

from aijobs.domain.jobs.events import EventKind
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.submissions import Accepted, ProviderRequest
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.access.keys import KeyKind, create_key
from aijobs.persistence.batches.feed import DatabaseBatchFeed
from aijobs.persistence.documents.rows import RowsOrigin, write_rows
from aijobs.persistence.jobs.resolutions import Resolution
from aijobs.persistence.points import audit
from aijobs.persistence.points.ledger import set_limit
from aijobs.persistence.tables import (
    ConversationRow,
    MessageRow,
    TableChangeRow,
    TaskIdRow,
    UserShareRow,
    UserTurnRow,
    VendorReportRow,
    WebhookSecretRow,
)
from tests.api.conftest import started_run
from tests.api.installation import ApiUnderTest, Headers
from tests.api.pictures import picture
from tests.retention.conftest import Retaining

Dump = Callable[[], Awaitable[str]]

MARK = "plantedmark"
USER = f"{MARK}/ada@example.com"
WAY = (JobStatus.SUBMITTED, JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.GENERATED, JobStatus.MIGRATING)


async def plant(api: ApiUnderTest) -> str:
    """A user with a mark in everything that may be said. Returns the code of a job that has succeeded."""
    app, headers = api.dependencies, {"Aijobs-User": USER}
    key = await create_key(app.database, app.secret, kind=KeyKind.USER, name=f"{MARK}-key", user_id=USER)
    file = (await api.upload(picture(64, 48, "PNG"), name=f"{MARK}-upload.png", user=USER)).json()["code"]
    hook = {"url": f"https://{MARK}.example.com/hook", "user_id": USER}
    (await api.http.post("/api/webhook-endpoints", json=hook)).raise_for_status()
    sent = await api.submit(
        USER,
        params={"image": file},
        metadata={"note": f"{MARK}-metadata"},
        callback_url=f"https://{MARK}.example.com/callback",
        headers={"Idempotency-Key": f"{MARK}-idempotency"},
    )
    code: str = sent.raise_for_status().json()["code"]
    request = ProviderRequest("POST", f"https://vendor.example.com/{MARK}", {"prompt": f"{MARK}-prompt"}, {})
    submissions, token = app.records.submissions, f"{MARK}-token"
    submission = await submissions.intend(code, provider="replicate", token=token, request=request)
    await submissions.conclude(submission, Accepted({"id": f"{MARK}-ref"}))
    await api.push(code, *WAY)
    await app.records.gate.keep_response(code, {"answer": f"{MARK}-answer"})
    await api.keep_output(code, f"{MARK}-output".encode())
    await api.push(code, JobStatus.SUCCESS)
    await fail(api, {"Authorization": f"Bearer {key}"})
    await plant_rows(api, code)
    batch = {"model_id": "replicate_imageupscale_v1", "rows": [{"params": {"image": file}, "metadata": {"x": MARK}}]}
    (await api.http.post("/api/batches", json={**batch, "user_id": USER, "concurrency": 1})).raise_for_status()
    photo = {"photo": (f"{MARK}.jpg", picture(640, 480, "JPEG"))}
    review = await api.http.post("/api/photo-reviews", files=photo, headers=headers)
    assert review.status_code == 202, review.text
    (await api.http.post("/api/pauses", json={"user": USER, "reason": f"{MARK}-pause"})).raise_for_status()
    hold = await api.http.post("/api/holds", json={"user": USER, "reason": f"{MARK}-hold"})
    await api.http.delete(f"/api/holds/{hold.raise_for_status().json()['id']}")
    (await api.http.put(f"/api/users/{USER}/retention", json={"outputs": "30d"})).raise_for_status()
    return code


async def fail(api: ApiUnderTest, key: Headers) -> None:
    """A job that its user wanted to be canceled, and that has failed, in words."""
    code = await api.job(USER, metadata={"note": f"{MARK}-failed"})
    wish = await api.http.post(f"/api/jobs/{code}/cancel", json={"reason": f"{MARK}-reason"}, headers=key)
    assert wish.status_code == 202, wish.text
    error = JobError(code="test", message=f"{MARK}-error", stage=Stage.PROCESSING)
    await api.dependencies.records.gate.advance(code, JobStatus.FAILED, error=error)


async def plant_rows(api: ApiUnderTest, code: str) -> None:
    """What a whole stack would have written of documents, lines, reports and limits."""

    def work(session: Session) -> None:
        origin = RowsOrigin(template_id="contract", template_version=1, source=code, user_id=USER)
        write_rows(session, origin, [{"甲方": f"{MARK}-row"}])
        uploaded = RowsOrigin(template_id="contract", template_version=1, source="table_1", user_id=USER)
        write_rows(session, uploaded, [{"甲方": f"{MARK}-uploaded-row"}])
        session.add(ConversationRow(job_code=code, stages=1, template_id="contract", template_version=1))
        session.flush()
        session.add(MessageRow(job_code=code, stage=1, role="user", content=f"{MARK}-message", file=f"{MARK}-file"))
        session.add(
            TableChangeRow(
                job_code=code, by="key", user_id=USER, kind="value", before={"甲方": MARK}, after={"甲方": MARK}
            )
        )
        session.add(TaskIdRow(task_id=f"{MARK}-task", user_id=USER, job_code=code))
        session.add(UserTurnRow(credential="replicate", user_id=USER, turn=1.0))
        session.add(UserShareRow(user_id=USER, weight=2.0))
        session.add(WebhookSecretRow(user_id=USER))
        session.add(VendorReportRow(submission_id=1, job_code=code, content={"said": f"{MARK}-report"}, final=True))
        set_limit(session, USER, 10_000)

    await api.dependencies.database.write(work)


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
    capsys.readouterr()
    other = await api.job("bob")

    state = await erased(api, retain)

    assert MARK not in await database_dump()
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
