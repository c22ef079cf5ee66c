"""Rows of the database as the documents that callers get."""

from collections import defaultdict
from collections.abc import Sequence

from aijobs.persistence.jobs.outputs import outputs_of
from aijobs.persistence.tables import FileRow, JobRow, OutputRow
from api.acting import actions_of
from api.dependencies import Parts
from api.schemas import jobs as shapes
from api.schemas.redaction import without_secrets


async def job_responses(parts: Parts, rows: Sequence[JobRow]) -> list[shapes.Job]:
    outputs: dict[str, list[shapes.Output]] = defaultdict(list)
    for row in await _output_rows(parts, rows):
        outputs[row.job_code].append(await _output_document(parts, row))
    return [_job_document(row, outputs[row.code], actions_of(parts, row)) for row in rows]


def new_job_response(row: JobRow) -> shapes.Job:
    """Of a job that was accepted just now: it has no outputs."""
    return _job_document(row, [], [])


async def job_response(parts: Parts, row: JobRow) -> shapes.Job:
    return (await job_responses(parts, [row]))[0]


def with_exchange(job: shapes.Job, row: JobRow) -> shapes.JobWithExchange:
    return shapes.JobWithExchange(
        **dict(job), req_json=without_secrets(row.req_json), resp_json=without_secrets(row.resp_json)
    )


def file_response(row: FileRow) -> shapes.File:
    return shapes.File.model_validate(row, from_attributes=True)


async def output_link(parts: Parts, row: OutputRow) -> str:
    """Signed, and good for a while."""
    extension = row.key.rpartition(".")[2]
    return await parts.store.link(
        row.key,
        lifetime=parts.settings.link_lifetime,
        filename=f"{row.job_code}_{row.index}.{extension}",
        media_type=row.media_type,
    )


async def _output_rows(parts: Parts, rows: Sequence[JobRow]) -> list[OutputRow]:
    async with parts.database.read() as session:
        return await outputs_of(session, *(row.code for row in rows))


async def _output_document(parts: Parts, row: OutputRow) -> shapes.Output:
    return shapes.Output.model_validate({**row.model_dump(), "url": await output_link(parts, row)})


def _job_document(row: JobRow, outputs: list[shapes.Output], actions: list[str]) -> shapes.Job:
    status = row.job_status
    told = {
        "metadata": row.extra,
        "outputs": outputs,
        "actions": actions,
        "job_status_name": status.name,
        "job_status_desc": status.zh,
    }
    return shapes.Job.model_validate({**row.model_dump(), **told})
