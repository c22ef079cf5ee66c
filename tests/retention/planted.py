"""A user with a mark in everything that may be said, and in the user's id."""

from datetime import timedelta

from sqlmodel import Session

from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.submissions import Accepted, ProviderRequest
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.access.keys import KeyKind, create_key
from aijobs.persistence.column_types import now
from aijobs.persistence.documents.rows import RowsOrigin, write_rows
from aijobs.persistence.points.ledger import set_limit
from aijobs.persistence.tables import (
    BrowserSessionRow,
    ConversationRow,
    MessageRow,
    PhotoBeautifyRow,
    SlotRow,
    TableChangeRow,
    TaskIdRow,
    UserShareRow,
    UserTurnRow,
    VendorReportRow,
    WebhookSecretRow,
)
from tests.api.installation import ApiUnderTest, Headers
from tests.api.pictures import picture

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
    await plant_what_a_stack_adds(api, code, review.json()["code"])
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


async def plant_what_a_stack_adds(api: ApiUnderTest, code: str, review: str) -> None:
    """A place in a line, a picture made beautiful, and a session of the dashboard."""

    def work(session: Session) -> None:
        moment, model_id = now(), "replicate_imageupscale_v1"
        session.add(
            SlotRow(
                job_code=code,
                credential="replicate",
                model_id=model_id,
                user_id=USER,
                state="held",
                priority=3,
                rank_at=moment,
                since=moment,
            )
        )
        session.add(
            PhotoBeautifyRow(
                code="beautify_1",
                photo_review_analysis_code=review,
                job_code=code,
                user_id=USER,
                img_url=f"{MARK}-url",
                original_url=None,
                img_status=4,
                cost_time=1.0,
                model_id=model_id,
                model_name="ImageUpscale",
            )
        )
        session.add(
            BrowserSessionRow(
                sha256="0" * 64, key_id="other", user_id=USER, browser=MARK, expires_at=moment + timedelta(days=1)
            )
        )

    await api.dependencies.database.write(work)
