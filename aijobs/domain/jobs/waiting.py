"""What a job waits for: as it is stored with the job, and as its owner sees it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from aijobs.domain.jobs.events import Moment, MomentOrNone


class WaitFor(StrEnum):
    """What a job can wait for."""

    PROVIDER_SLOT = "provider_slot"  #: as many jobs as allowed are at the provider
    USER_SLOT = "user_slot"  #: as many jobs of this user as allowed are at work
    RATE_LIMIT = "rate_limit"  #: the provider has refused it for now
    PROVIDER_PAUSED = "provider_paused"  #: an operator has paused what it would be sent with
    SCHEDULE = "schedule"  #: its time has not come
    RESUBMISSION = "resubmission"  #: it surely was not taken, and is sent again
    NEXT_QUESTION = "next_question"  #: the provider has it, and is polled
    UNKNOWN_SUBMISSION = "unknown_submission"  #: the answer to its submission was lost
    ENGINE = "engine"  #: no worker has taken it up


#: For people, in English; the dashboard has its own messages. What a message lacks is in the fields beside it.
MESSAGES: Final[Mapping[WaitFor, str]] = {
    WaitFor.PROVIDER_SLOT: "Waiting for a free slot at the provider.",
    WaitFor.USER_SLOT: "Waiting for this user's other jobs to finish.",
    WaitFor.RATE_LIMIT: "The provider is rate limiting; it will be tried again.",
    WaitFor.PROVIDER_PAUSED: "Paused by an operator.",
    WaitFor.SCHEDULE: "Scheduled to start later.",
    WaitFor.RESUBMISSION: "The provider did not receive it; it will be sent again.",
    WaitFor.NEXT_QUESTION: "Running at the provider; its progress will be checked again.",
    WaitFor.UNKNOWN_SUBMISSION: "The provider's answer was lost. The job may be charged. It is being looked for "
    "there, and is never sent twice.",
    WaitFor.ENGINE: "Accepted; no worker has picked it up yet.",
}


class PausedThing(StrEnum):
    """What an operator can pause: nothing new is sent for it. Jobs that are at their provider go on."""

    PROVIDER = "provider"
    MODEL = "model"
    USER = "user"
    CREDENTIAL = "credential"


class Wait(BaseModel):
    """What a job was found to wait for; stored with it until its status changes. `reason`: an operator's words."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="ignore")

    kind: WaitFor = Field(alias="for")
    since: Moment
    next_at: MomentOrNone = Field(default=None, description="when it goes on, or is tried again")
    gives_up_at: MomentOrNone = Field(default=None, description="the deadline that ends the wait")
    reason: str = ""

    def stored(self) -> dict[str, Any]:
        """As the job's row has it."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def shown(self) -> "Waiting":
        fields = self.model_dump(exclude={"reason"})
        message = f"{MESSAGES[self.kind].removesuffix('.')}: {self.reason}" if self.reason else MESSAGES[self.kind]
        return Waiting(**fields, message=message)


class Waiting(BaseModel):
    """What a job waits for now. `ahead` is how many are before it in line, and `position` its own place."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    kind: WaitFor = Field(alias="for")
    since: Moment
    next_at: MomentOrNone = Field(default=None, description="when it goes on, or is tried again")
    gives_up_at: MomentOrNone = Field(default=None, description="the deadline that ends the wait")
    position: int | None = None
    ahead: int | None = None
    estimated_start: MomentOrNone = None
    message: str
