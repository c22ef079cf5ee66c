"""A vendor whose limits a test chooses, and its jobs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import Session, select, update

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import SlotAwaited
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.jobs.slots.limits import CredentialLimits, LimitsSettings
from aijobs.domain.jobs.submissions import Accepted, ProviderRequest, Submission
from aijobs.domain.jobs.waiting import Wait
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.slots.grants import DatabaseSlotGrants
from aijobs.persistence.slots.outlook import SlotRules
from aijobs.persistence.tables import SlotRow

REQUEST: Final = ProviderRequest(method="POST", url="https://example.com", body={})
UPSCALE: Final = "replicate_imageupscale_v1"


@dataclass
class LimitedVendor:
    """Jobs that are sent to one vendor, whose limits the test chooses."""

    database: Database
    catalogue: Catalogue
    limits: LimitsSettings

    def __post_init__(self) -> None:
        self.records = DatabaseRecords(self.database, self.catalogue, self.limits)
        self.grants = DatabaseSlotGrants(self.database, SlotRules(self.limits, self.catalogue))

    async def job(self, user: str = "ada", *, model_id: str = UPSCALE, priority: int = 3) -> str:
        model = self.catalogue.model(model_id)
        request = JobRequest(model_id=model_id, params={}, priority=priority)
        order = Acceptance(user_id=user, request=request, model=model, params={}, created_by="test", daily_limit=10**6)
        return (await self.database.write(accept, order)).code

    async def send(self, code: str) -> Submission | None:
        """None when it waits in line."""
        token = f"{code} {now().timestamp()}"
        provider = self.catalogue.model((await self.row(code)).model_id).provider
        try:
            return await self.records.submissions.intend(code, provider=provider, token=token, request=REQUEST)
        except SlotAwaited:
            return None

    async def accepted(self, code: str) -> None:
        sent = await self.send(code)
        assert sent is not None
        await self.records.submissions.conclude(sent, Accepted({"id": code}))

    async def tick(self) -> Sequence[str]:
        """What the relay of a worker does each time. Returns the jobs that it would tell."""
        return await self.grants.grant()

    async def row(self, code: str) -> Any:
        return await self.database.read(job_of, code)

    async def states(self) -> dict[str, str]:
        def work(session: Session) -> dict[str, str]:
            return dict(session.exec(select(SlotRow.job_code, SlotRow.state)).all())

        return await self.database.read(work)

    async def change(self, table: Any, **values: Any) -> None:
        def work(session: Session) -> None:
            session.exec(update(table).values(**values))

        await self.database.write(work)

    async def waits_for(self, code: str) -> str | None:
        waiting = (await self.row(code)).waiting
        return Wait.model_validate(waiting).kind if waiting else None


def limits_of(credential: CredentialLimits | None = None, **users: int) -> LimitsSettings:
    return LimitsSettings(credentials={"replicate": credential} if credential else {}, **users)
