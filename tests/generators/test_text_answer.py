"""Answers in words and as JSON, from endpoints that take less and answer otherwise than OpenAI's."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from temporalio.client import WorkflowFailureError

from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.jobs.outputs import outputs_of
from aijobs.persistence.jobs.queries import brief_of
from aijobs.persistence.tables import JobRow
from cli.embedded.temporal_server import TemporalServer
from sandbox.server import RunningSandbox
from tests.generators.conftest import DocumentJobs, opened_study
from workflows.client import start_job

MODEL: Final = "chat_answer_v1"
PROMPT: Final = "Read these facts, which are about one thing and no other.\nColour: red\nSize: 5"
COLUMNS: Final = {"Colour": {"type": "string"}, "Size": {"type": "integer"}}
ROWS: Final = {"type": "array", "items": {"type": "object", "properties": COLUMNS}}
SCHEMA: Final = {"type": "object", "properties": {"rows": ROWS}}
ANSWER: Final = {"rows": [{"Colour": "red", "Size": 5}]}

#: What an endpoint does otherwise. Ollama, vLLM and SGLang each do some of it.
DIALECTS: Final[dict[str, tuple[str, str | None]]] = {
    "no usage in streams": ("refuses_field", "stream_options"),
    "no schemas": ("refuses_field", "json_schema"),
    "no JSON mode": ("refuses_field", "response_format"),
    "lines of JSON instead of events": ("answer_framed_as", "newline_delimited"),
    "a document instead of a stream": ("answer_framed_as", "document_under_stream_header"),
    "thoughts before the answer": ("answer_written_as", "thinking_tag"),
    "JSON in a fence": ("answer_fenced", None),
}


async def answered(study: DocumentJobs, **params: Any) -> JobRow:
    """The job, once it has ended."""
    model = study.bench.catalogue.model(MODEL)
    params = {"prompt": PROMPT, **params}
    order = Acceptance(
        user_id="ada",
        request=JobRequest(model_id=MODEL, params=params),
        model=model,
        params=params,
        created_by="test",
        daily_limit=10_000,
    )
    job = await study.bench.database.write(accept, order)
    await start_job(study.bench.client, brief_of(job, study.bench.catalogue))
    with suppress(WorkflowFailureError):
        await study.bench.client.get_workflow_handle(job.code).result()
    return await study.row(job.code)


async def result(study: DocumentJobs, job: JobRow) -> tuple[OutputKind, str]:
    (output,) = await study.bench.database.read(outputs_of, job.code)
    return output.kind, b"".join([chunk async for chunk in study.store.read(output.key)]).decode()


async def test_a_prompt_is_answered_in_words(study: DocumentJobs) -> None:
    job = await answered(study, instructions="Be as brief as you can, and leave out what nobody asked for.")

    assert job.job_status is JobStatus.SUCCESS
    assert await study.calls(job.code) == ["1"]
    assert await result(study, job) == (OutputKind.TEXT, "I found 2 facts.\n- colour: red\n- size: 5")
    assert [message.content for message in await study.messages(job.code)] == [None, None, None]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_schema_is_answered_in_json_in_every_dialect(study: DocumentJobs, dialect: str) -> None:
    fault, arg = DIALECTS[dialect]
    study.sandbox.misbehave(fault, arg=arg)

    job = await answered(study, answer_schema=SCHEMA)

    kind, text = await result(study, job)
    assert (job.job_status, kind, json.loads(text)) == (JobStatus.SUCCESS, OutputKind.JSON, ANSWER)


async def test_an_answer_that_is_no_json_is_asked_for_once_more(study: DocumentJobs) -> None:
    study.sandbox.misbehave("answer_prose")

    job = await answered(study, answer_schema=SCHEMA)

    assert json.loads((await result(study, job))[1]) == ANSWER
    assert await study.calls(job.code) == ["1", "2"]


async def test_an_answer_that_stays_no_json_fails(study: DocumentJobs) -> None:
    study.sandbox.misbehave("answer_prose", times=2)

    job = await answered(study, answer_schema=SCHEMA)

    assert (job.job_status, (job.error or {})["code"]) == (JobStatus.FAILED, "answer_unusable")


async def test_a_model_without_vision_takes_no_pictures(
    temporal: TemporalServer, model: RunningSandbox, tmp_path: Path
) -> None:
    async with opened_study(temporal, model, tmp_path, vision=False) as blind:
        generator = blind.bench.adapters.generators["answer"]

        assert "image" not in generator.parameters(blind.bench.catalogue.model(MODEL)).model_fields
