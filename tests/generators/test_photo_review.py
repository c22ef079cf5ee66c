"""Photo reviews by a language model with vision, and by measuring, in real workflows."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr
from sqlmodel import Session
from temporalio.client import WorkflowFailureError

from aijobs.adapters.chat import ChatSettings, opened
from aijobs.adapters.documents.reader import DocumentReader
from aijobs.adapters.documents.settings import DocumentSettings
from aijobs.adapters.media.picture_reader import PictureReader
from aijobs.adapters.media.settings import PictureSettings
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.photos import ASPECTS, REVIEW_MODEL
from aijobs.domain.provider_io import Task, UploadedFile
from aijobs.domain.values.ids import new_id
from aijobs.generators.json_answers import NotJson
from aijobs.generators.photo_review import PhotoReviewer, read_verdicts
from aijobs.generators.registry import StoredDocuments
from aijobs.persistence.documents.conversations import DatabaseConversations
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.jobs.outputs import outputs_of
from aijobs.persistence.jobs.queries import brief_of
from aijobs.persistence.photo_reviews import DatabaseReviewStore
from aijobs.persistence.tables import FileRow, JobRow
from cli.embedded.temporal_server import TemporalServer
from sandbox.server import RunningSandbox
from tests.generators.conftest import DocumentJobs, opened_study
from workflows.client import start_job

PHOTO: Final = (Path(__file__).parents[2] / "cli" / "samples" / "sample.jpg").read_bytes()
JUDGED: Final[dict[str, Any]] = {"score": 70, "comment": {"zh": "好", "en": "good"}}
VERDICTS: Final[dict[str, Any]] = {**dict.fromkeys(ASPECTS, JUDGED), "summary": {"zh": "好", "en": "good"}}


async def reviewed(study: DocumentJobs, content: bytes = PHOTO) -> JobRow:
    """The review of a new job, once it has ended."""
    job = await accepted(study, await kept(study, content))
    await start_job(study.bench.client, brief_of(job, study.bench.catalogue))
    with suppress(WorkflowFailureError):
        await study.bench.client.get_workflow_handle(job.code).result()
    return await study.row(job.code)


async def accepted(study: DocumentJobs, file: FileRow) -> JobRow:
    model, params = study.bench.catalogue.model(REVIEW_MODEL), {"image": file.code}
    order = Acceptance(
        user_id="ada",
        request=JobRequest(model_id=REVIEW_MODEL, params=params),
        model=model,
        params=params,
        created_by="test",
        daily_limit=10_000,
    )

    def work(session: Session) -> JobRow:
        session.add(file)
        return accept(session, order)

    return await study.bench.database.write(work)


async def kept(study: DocumentJobs, content: bytes) -> FileRow:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    code = new_id("file")
    stored = await study.store.put(f"files/{code}.jpg", chunks(), media_type="image/jpeg")
    return FileRow(
        code=code,
        user_id="ada",
        name="photo.jpg",
        media_type="image/jpeg",
        size=stored.size,
        sha256=stored.sha256,
        key=stored.key,
        width=None,
        height=None,
    )


async def analysis_of(study: DocumentJobs, job: JobRow) -> dict[str, Any]:
    (output,) = await study.bench.database.read(outputs_of, job.code)
    read: dict[str, Any] = json.loads(b"".join([chunk async for chunk in study.store.read(output.key)]))
    return read


async def test_what_the_model_says_is_the_review_and_is_then_forgotten(study: DocumentJobs) -> None:
    job = await reviewed(study)
    analysis = await analysis_of(study, job)

    assert job.job_status is JobStatus.SUCCESS
    assert await study.calls(job.code) == ["1"]
    assert (analysis["method"], analysis["model"]) == ("model", "gpt-5.4")
    assert list(analysis["scores"]) == list(ASPECTS)
    assert analysis["aspects"]["light"]["comment"]["zh"].startswith("光线")
    assert analysis["measurements"]["width"] == 640
    assert [message.content for message in await study.messages(job.code)] == [None, None, None]


@pytest.mark.parametrize("fault", ["answer_malformed", "answer_fenced"])
async def test_an_answer_that_can_be_read_is_not_asked_for_again(study: DocumentJobs, fault: str) -> None:
    study.sandbox.misbehave(fault)

    job = await reviewed(study)

    assert job.job_status is JobStatus.SUCCESS
    assert await study.calls(job.code) == ["1"]


async def test_an_answer_of_no_use_is_asked_for_once_more(study: DocumentJobs) -> None:
    study.sandbox.misbehave("answer_prose")

    job = await reviewed(study)

    assert job.job_status is JobStatus.SUCCESS
    assert await study.calls(job.code) == ["1", "2"]


@pytest.mark.parametrize(
    ("fault", "code", "calls"),
    [
        ("answer_prose", "answer_unusable", ["1", "2"]),
        ("answer_refused", "answer_refused", ["1"]),
        ("answer_cut", "answer_refused", ["1"]),
    ],
)
async def test_without_a_review_the_job_fails_and_the_answer_is_kept(
    study: DocumentJobs, fault: str, code: str, calls: list[str]
) -> None:
    study.sandbox.misbehave(fault, times=0)

    job = await reviewed(study)

    assert job.job_status is JobStatus.FAILED
    assert job.error is not None
    assert job.error["code"] == code
    assert await study.calls(job.code) == calls
    assert job.resp_json is not None
    assert job.resp_json["unusable_answer"]


async def test_a_model_that_sees_nothing_is_not_asked(
    temporal: TemporalServer, model: RunningSandbox, tmp_path: Path
) -> None:
    await model.reset()
    async with opened_study(temporal, model, tmp_path, vision=False) as study:
        job = await reviewed(study)
        analysis = await analysis_of(study, job)

        assert job.job_status is JobStatus.SUCCESS
        assert await study.calls(job.code) == []
        assert (analysis["method"], analysis["model"]) == ("measured", None)
        assert analysis["aspects"]["composition"]["estimate"] == "rule-of-thirds saliency estimate"


async def test_a_model_that_comes_to_see_while_a_job_runs_is_not_asked_about_it(study: DocumentJobs) -> None:
    file = await kept(study, PHOTO)
    upload = UploadedFile(code=file.code, key=file.key, name=file.name, media_type=file.media_type, size=file.size)
    job = await accepted(study, file)
    task = Task(
        job_code=job.code,
        model=study.bench.catalogue.model(REVIEW_MODEL),
        params=job.params,
        output_count=1,
        token=job.code,
        webhook_url=None,
        files={"image": upload},
    )
    settings = ChatSettings(token=SecretStr("sk-test"), base_url=f"{study.sandbox.url}/openai/v1")
    photos = StoredDocuments(study.store, DocumentReader(DocumentSettings()))
    database = study.bench.database
    conversations, reviews = DatabaseConversations(database), DatabaseReviewStore(database)
    async with opened(settings) as chat, PictureReader.opened(PictureSettings()) as pictures:
        stages = await PhotoReviewer(None, conversations, photos, reviews, pictures).begin(task)
        restarted = PhotoReviewer(chat, conversations, photos, reviews, pictures)
        for stage in range(1, stages + 1):
            await restarted.work(task, stage, _silent)
        (output,) = await restarted.finish(task)

    assert output.content is not None
    assert json.loads(output.content)["method"] == "measured"
    assert await study.calls(job.code) == []


async def _silent(_percent: float) -> None: ...


@pytest.mark.parametrize(
    ("invalid", "named"),
    [
        ({"light": {**JUDGED, "score": 101}}, "/light/score"),
        ({"light": {**JUDGED, "score": -1}}, "/light/score"),
        ({"light": {**JUDGED, "score": "70"}}, "/light/score"),
        ({"light": {"score": 70, "comment": {"en": "good"}}}, "/light/comment/zh"),
        ({"light": {"score": 70, "comment": {"zh": " ", "en": "good"}}}, "/light/comment/zh"),
        ({"light": {"score": 70, "comment": {"zh": "好" * 1001, "en": "good"}}}, "/light/comment/zh"),
        ({"light": None}, "/light"),
        ({"beautify": True}, "/beautify"),
    ],
)
async def test_an_answer_is_held_against_its_shape(invalid: dict[str, Any], named: str) -> None:
    assert (await read_verdicts(json.dumps(VERDICTS))).summary.zh == "好"
    with pytest.raises(NotJson, match=named):
        await read_verdicts(json.dumps(VERDICTS | invalid))


@pytest.mark.parametrize(
    ("invalid", "message"),
    [({"x" * 50_000: 1}, "/x{99}: "), ({f"x{number}": 1 for number in range(20_000)}, "longer than 100,000")],
)
async def test_of_a_hostile_answer_little_is_told(invalid: dict[str, Any], message: str) -> None:
    with pytest.raises(NotJson, match=message) as refused:
        await read_verdicts(json.dumps(VERDICTS | invalid))

    assert len(str(refused.value)) < 1000
