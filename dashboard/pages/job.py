"""The page of one job: its statuses, outputs, events, submissions and points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from sqlmodel import Session

from aijobs.domain.errors import NotFound, StoreUnavailable
from aijobs.domain.jobs.events import JobEvent
from aijobs.domain.jobs.generation_times import GenerationTimes
from aijobs.domain.jobs.outputs import SHOWN_BY_BROWSERS, OutputKind
from aijobs.domain.jobs.submissions import Outcome
from aijobs.domain.points import EntryKind
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.values.ids import new_id
from aijobs.domain.values.media import MediaFacts
from aijobs.domain.values.money import Cost
from aijobs.domain.values.redaction import without_secrets
from aijobs.persistence.column_types import now
from aijobs.persistence.generation_times import estimate_of, is_estimated, times_of_jobs
from aijobs.persistence.jobs.event_log import askers_of, milestones
from aijobs.persistence.jobs.outputs import outputs_of
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.jobs.reruns import reruns_of
from aijobs.persistence.jobs.statistics import submissions_of
from aijobs.persistence.jobs.waiting import waiting_of
from aijobs.persistence.points.costs import cost_of
from aijobs.persistence.points.ledger import entries_of
from aijobs.persistence.slots.places import PlaceInLine, places_of
from aijobs.persistence.tables import JobRow, OutputRow, PointsEntryRow, SubmissionRow
from aijobs.process_settings import ApiSettings
from aijobs.usecases.follow_up import actions_of
from aijobs.usecases.models import AvailableModels
from api.dependencies import Models, Settings
from api.requests.paths import JobCode
from dashboard.page import PageRequest, PageRoute, Visiting
from dashboard.pages.job_document import document_of
from dashboard.pages.job_timeline import timeline_of

MAX_TEXT_BYTES: Final = 64 * 1024
"""At most so much of a text output is shown on the page."""

TEXTS: Final = frozenset({OutputKind.TEXT, OutputKind.JSON})

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True)
class ShownOutput:
    """`manner` is how the page shows it: image, video, audio, text or file. `text`: the beginning of a text."""

    output: OutputRow
    manner: str
    text: str | None = None

    @property
    def is_cut(self) -> bool:
        return self.output.size > MAX_TEXT_BYTES

    @property
    def media(self) -> MediaFacts | None:
        return MediaFacts.model_validate(self.output.media) if self.output.media else None

    @property
    def has_poster(self) -> bool:
        """A video that was looked into, or a sound that can be drawn."""
        if self.media is None:
            return False
        return self.manner == "video" or self.media.can_be_drawn(self.output.size)


@dataclass(frozen=True, kw_only=True)
class JobView:
    """One job with everything that belongs to it; its events without those of progress.

    `place`: in line. `askers`: the names of the keys in its events, for visitors who see everybody's jobs.
    `times`: how long the last jobs of its kind took, while a provider works on it.
    """

    row: JobRow
    times: GenerationTimes | None
    place: PlaceInLine | None
    events: Sequence[JobEvent]
    submissions: Sequence[SubmissionRow]
    entries: Sequence[PointsEntryRow]
    outputs: Sequence[OutputRow]
    reruns: Sequence[str]
    askers: Mapping[str, str]

    @property
    def cost(self) -> Cost | None:
        """What the job has cost at its vendor, where that is known."""
        return cost_of(self.row)

    @property
    def is_held(self) -> bool:
        """Whether its points are held until an operator decides."""
        return [entry.kind for entry in self.entries] == [EntryKind.RESERVE, EntryKind.HOLD]

    @property
    def is_lost(self) -> bool:
        """Whether the outcome of its last submission is unknown, so that an operator may give the provider's id."""
        return bool(self.submissions) and self.submissions[-1].outcome == Outcome.UNKNOWN

    @property
    def can_migrate_again(self) -> bool:
        """Whether a provider has results that may still be available; our own generators store theirs at once."""
        is_generated = self.row.job_status.is_final and self.row.generated_at is not None
        return is_generated and bool(self.submissions) and self.submissions[-1].outcome == Outcome.ACCEPTED


@router.get("/jobs/{code}")
async def show_job(code: JobCode, visit: Visiting, models: Models, settings: Settings) -> HTMLResponse:
    return await visit.page("job.html", current="jobs", **await _context(visit, code, models, settings))


@router.get("/jobs/{code}/live")
async def repaint_job(code: JobCode, visit: Visiting, models: Models, settings: Settings) -> HTMLResponse:
    """The part of the page that changes."""
    return await visit.page("pieces/job.html", **await _context(visit, code, models, settings))


async def _context(visit: PageRequest, code: str, models: AvailableModels, settings: ApiSettings) -> dict[str, Any]:
    view = await _load_view(visit, code, models)
    row, model = view.row, models.known(view.row.model_id)
    return {
        "view": view,
        "job": row,
        "waiting": waiting_of(row, model, at=now(), times=view.times, place=view.place),
        "is_estimated": is_estimated(row, model),
        "estimate": estimate_of(row, view.times, at=now()),
        "document": await document_of(visit, row, view.outputs),
        "outputs": [await _shown_output(visit, output) for output in view.outputs],
        "timeline": timeline_of(view.events, row.job_status, until=now()),
        "exchange": {"request": without_secrets(row.req_json), "answer": without_secrets(row.resp_json)},
        "stream": f"/api/events?{urlencode({'code': code})}",
        "temporal": temporal_address(settings, code),
        "offered": actions_of(models, row),
        "can_edit": model is not None and not row.action,
        "idempotency_key": new_id("form"),
    }


async def _load_view(visit: PageRequest, code: str, models: AvailableModels) -> JobView:
    def work(session: Session) -> JobView:
        row = job_of(session, code, user_id=visit.caller.visible_user)
        return JobView(
            row=row,
            times=times_of_jobs(session, [row], models.known).get(code),
            place=places_of(session, [row], models.slot_rules).get(code),
            events=(events := milestones(session, code)),
            submissions=submissions_of(session, code),
            entries=entries_of(session, code),
            outputs=outputs_of(session, code),
            reruns=reruns_of(session, code),
            askers=askers_of(session, events) if visit.caller.visible_user is None else {},
        )

    return await visit.database.read(work)


def temporal_address(settings: ApiSettings, code: str) -> str | None:
    """The URL of the job's workflow in Temporal's Web UI; None when the UI's address is not set."""
    ui = settings.temporal_ui
    if ui is None:
        return None
    base = str(ui).rstrip("/")
    return f"{base}/workflows/{code}" if "/namespaces/" in base else f"{base}/namespaces/default/workflows/{code}"


#: Kinds that a page shows, if the media type cannot run code.
MANNERS: Final[Mapping[OutputKind, str]] = {
    OutputKind.IMAGE: "image",
    OutputKind.VIDEO: "video",
    OutputKind.AUDIO: "audio",
}


async def _shown_output(visit: PageRequest, output: OutputRow) -> ShownOutput:
    if output.kind in TEXTS and (text := await _beginning(visit.store, output)) is not None:
        return ShownOutput(output, "text", text)
    if output.kind in MANNERS and output.media_type.startswith(SHOWN_BY_BROWSERS):
        return ShownOutput(output, MANNERS[output.kind])
    return ShownOutput(output, "file")


async def _beginning(store: ObjectStore, output: OutputRow) -> str | None:
    """The beginning of a stored text; None when it cannot be read now."""
    content = bytearray()
    try:
        async for chunk in store.read(output.key):
            content += chunk
            if len(content) >= MAX_TEXT_BYTES:
                break
    except (NotFound, StoreUnavailable):
        return None
    return content[:MAX_TEXT_BYTES].decode("utf-8", "replace")
