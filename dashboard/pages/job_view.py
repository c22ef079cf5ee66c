"""One job with everything that belongs to it, read in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from aijobs.domain.jobs.events import JobEvent
from aijobs.domain.jobs.generation_times import GenerationTimes
from aijobs.domain.jobs.submissions import Outcome
from aijobs.domain.points import EntryKind
from aijobs.domain.values.money import Cost
from aijobs.persistence.generation_times import times_of_jobs
from aijobs.persistence.jobs.event_log import askers_of, milestones
from aijobs.persistence.jobs.outputs import outputs_of
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.jobs.reruns import reruns_of
from aijobs.persistence.jobs.statistics import submissions_of
from aijobs.persistence.points.costs import cost_of
from aijobs.persistence.points.ledger import entries_of
from aijobs.persistence.slots.places import PlaceInLine, places_of
from aijobs.persistence.tables import JobRow, OutputRow, PointsEntryRow, SubmissionRow, WebhookDeliveryRow
from aijobs.persistence.webhooks.log import DeliveryFilter, deliveries_page
from aijobs.usecases.models import AvailableModels
from dashboard.page import PageRequest
from dashboard.pages.job_log import LogLine, log_of

MOST_DELIVERIES: Final = 20


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
    log: Sequence[LogLine]
    deliveries: Sequence[WebhookDeliveryRow]

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
    def is_watched_late(self) -> bool:
        """Whether it has ended, and its vendor is still asked whether it charges."""
        return self.row.job_status.is_final and self.is_held

    @property
    def can_migrate_again(self) -> bool:
        """Whether a provider has results that may still be available; our own generators store theirs at once."""
        is_generated = self.row.job_status.is_final and self.row.generated_at is not None
        return is_generated and bool(self.submissions) and self.submissions[-1].outcome == Outcome.ACCEPTED


async def load_view(visit: PageRequest, code: str, models: AvailableModels) -> JobView:
    def work(session: Session) -> JobView:
        row = job_of(session, code, user_id=visit.caller.visible_user)
        deliveries = DeliveryFilter(user_id=visit.caller.visible_user, job_code=code)
        return JobView(
            row=row,
            times=times_of_jobs(session, [row], models.known).get(code),
            place=places_of(session, [row], models.slot_rules).get(code),
            events=(events := milestones(session, code)),
            submissions=submissions_of(session, code),
            entries=entries_of(session, code),
            outputs=outputs_of(session, code),
            reruns=reruns_of(session, code),
            log=log_of(session, code, user_id=visit.caller.visible_user),
            deliveries=deliveries_page(session, deliveries, limit=MOST_DELIVERIES)[0],
            askers=askers_of(session, events) if visit.caller.visible_user is None else {},
        )

    return await visit.database.read(work)
