"""What the page of a document job shows in addition: the stages of its template, and the extracted table."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import Session

from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.prompt_stages import PromptStage, Stages
from aijobs.domain.documents.templates import Template
from aijobs.domain.errors import InvalidParameters, NotFound, StoreUnavailable
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.lifecycle import ORDER, JobStatus
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.persistence.documents.document_job_details import StageReached, files_of, stages_of, version_used
from aijobs.persistence.documents.rows import RowFilter, rows_page
from aijobs.persistence.documents.templates import template_of
from aijobs.persistence.tables import ExtractedRow, FileRow, JobRow, OutputRow
from aijobs.usecases.edit_template import split_prompt
from aijobs.usecases.intake_document import MODEL
from dashboard.page import PageRequest
from dashboard.pages.job_timeline import StepState

ROWS_SHOWN: Final = 50
ALL_STAGES_PASSED: Final = ORDER[ORDER.index(JobStatus.GENERATED) :]  #: statuses in which every stage is passed
MAX_HEADING: Final = 48  #: characters of a stage's first line
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
"""A larger JSON output is not looked into."""


@dataclass(frozen=True)
class ShownTable:
    """A page of rows under the columns of their version. `after` is where the next page begins, if there is one."""

    columns: Sequence[Column]
    rows: Sequence[ExtractedRow]
    after: int | None = None


@dataclass(frozen=True)
class ShownStage:
    """A stage of the prompt, and its state."""

    name: str
    state: StepState


@dataclass(frozen=True, kw_only=True)
class ShownDocument:
    """`template` is the version that the job uses; None when it was deleted before the job began.

    Stages are named by their first lines, which are part of the prompt. `part`: of a long document, which one its
    stages are passed for now, from 1, and how many there are. `differing` are the numbers of rows that may be one.
    """

    file: FileRow | None
    template: Template | None
    stages: Sequence[ShownStage]
    table: ShownTable | None
    may_read_prompt: bool
    is_repaired: bool
    differing: Sequence[str]
    part: tuple[int, int] | None


async def document_of(visit: PageRequest, job: JobRow, outputs: Sequence[OutputRow]) -> ShownDocument | None:
    """The document of a document job; None for any other job."""
    if job.model_id != MODEL:
        return None

    def work(session: Session) -> tuple[FileRow | None, StageReached | None, Template | None]:
        file = files_of(session, [job]).get(job.code)
        reached = stages_of(session, [job.code]).get(job.code)
        version = version_used(session, job.code)
        try:
            template = template_of(session, str(job.params["template"]), version)
        except NotFound:
            template = None
        return file, reached, template

    file, reached, template = await visit.database.read(work)
    table = await table_of(visit, template.id, source=job.code) if template and job.job_status.is_final else None
    names, answer = await _names(template, reached), await _json_answer(visit.store, outputs)
    return ShownDocument(
        file=file,
        template=template,
        stages=_shown_stages(names, job.job_status, (reached.stage - 1) % len(names) + 1 if reached else 0),
        part=_part(names, reached),
        table=table if table and table.rows else None,
        may_read_prompt=visit.caller.reads_prompts,
        is_repaired=bool(answer.get("repaired")),
        differing=[f"{one + 1}, {other + 1}" for one, other in answer.get("differing", ())],
    )


async def table_of(visit: PageRequest, template_id: str, *, source: str | None, after: int = 0) -> ShownTable:
    """Rows of the caller's user, of one source or of all. Raises NotFound when the template never existed."""
    row_filter = RowFilter(template_id=template_id, user_id=visit.caller.visible_user, source=source)

    def work(session: Session) -> ShownTable:
        rows, has_more = rows_page(session, row_filter, after=after, limit=ROWS_SHOWN)
        version = rows[-1].template_version if rows else None
        columns = template_of(session, template_id, version).columns
        return ShownTable(columns, rows, rows[-1].id if has_more else None)

    return await visit.database.read(work)


async def cut_template(template: Template) -> Stages:
    """The stages of a template; when its pattern takes too long, none and a warning."""
    try:
        return await split_prompt(template.prompt, template.stages)
    except InvalidParameters as too_slow:
        return Stages(stages=(), warnings=(str(too_slow),))


def with_headings(stages: Iterable[PromptStage]) -> list[tuple[str, str]]:
    """Heading and text of each stage. The heading is its first line, shortened and without Markdown marks."""
    return [(_heading(stage.name, stage.text), stage.text) for stage in stages]


def _heading(name: str, text: str) -> str:
    lines = (" ".join(line.split()).lstrip("# ") for line in text.splitlines())
    line = next((line for line in lines if name and name in line), name)
    return line if len(line) <= MAX_HEADING else f"{line[:MAX_HEADING]}…"


async def _names(template: Template | None, reached: StageReached | None) -> list[str]:
    names = [heading for heading, _ in with_headings((await cut_template(template)).stages)] if template else []
    return names or [""] * (reached.stages if reached else 0)


def _part(names: Sequence[str], reached: StageReached | None) -> tuple[int, int] | None:
    if reached is None or reached.stages <= len(names):
        return None
    return (reached.stage - 1) // len(names) + 1, reached.stages // len(names)


def _shown_stages(names: Sequence[str], status: JobStatus, reached: int) -> list[ShownStage]:
    """`reached` is the number of the stage that has begun last, from 1; 0 before the first."""
    all_passed = status in ALL_STAGES_PASSED

    def state(number: int) -> StepState:
        if all_passed or number < reached:
            return StepState.PASSED
        return StepState.CURRENT if number == reached else StepState.AHEAD

    return [ShownStage(name, state(number)) for number, name in enumerate(names, 1)]


async def _json_answer(store: ObjectStore, outputs: Sequence[OutputRow]) -> Mapping[str, Any]:
    """The JSON output; empty when it is large, or cannot be read now."""
    json_output = next((output for output in outputs if output.kind is OutputKind.JSON), None)
    if json_output is None or json_output.size > MAX_ANSWER_BYTES:
        return {}
    try:
        content = b"".join([chunk async for chunk in store.read(json_output.key)])
    except (NotFound, StoreUnavailable):
        return {}
    answer: Mapping[str, Any] = json.loads(content)
    return answer
