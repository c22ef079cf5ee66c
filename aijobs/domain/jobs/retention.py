"""How long what is kept: for everybody, for a model's jobs, for a user; and what was let go of a job."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntFlag, StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from aijobs.domain.values.durations import Duration, parse_duration

FOREVER: Final = "forever"


def _lifetime(written: object) -> object:
    read = parse_duration(written)
    if read in (None, FOREVER) or (isinstance(read, timedelta) and read > timedelta(0)):
        return read
    raise PydanticCustomError("lifetime", "is no lifetime: write 30d, 12h or forever")


#: How long something is kept. Nothing: whatever is said for more than this.
Lifetime = Annotated[timedelta | Literal["forever"] | None, BeforeValidator(_lifetime)]


class Kept(StrEnum):
    """What of a job has a lifetime of its own, from the job's end on."""

    JOBS = "jobs"  #: everything of it; what remains are its model, status, times, points and costs
    EVENTS = "events"
    EXCHANGES = "exchanges"  #: requests to its provider, and the answers
    CONVERSATIONS = "conversations"  #: with a language model, and the text of the document
    OUTPUTS = "outputs"  #: files, and the rows of a document's table
    INPUTS = "inputs"  #: uploads that it names, when no other job needs them


class LetGo(IntFlag):
    """What was erased of a job, as it is stored."""

    NOTHING = 0
    JOB = 1
    EVENTS = 2
    EXCHANGES = 4
    CONVERSATIONS = 8
    OUTPUTS = 16


EVERYTHING: Final = LetGo.JOB | LetGo.EVENTS | LetGo.EXCHANGES | LetGo.CONVERSATIONS | LetGo.OUTPUTS

_PARTS: Final[Mapping[Kept, LetGo]] = {
    Kept.JOBS: EVERYTHING,
    Kept.EVENTS: LetGo.EVENTS,
    Kept.EXCHANGES: LetGo.EXCHANGES,
    Kept.CONVERSATIONS: LetGo.CONVERSATIONS,
    Kept.OUTPUTS: LetGo.OUTPUTS,
}


class Lifetimes(BaseModel):
    """Of what belongs to a job, from its end on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    jobs: Lifetime = None
    events: Lifetime = None
    exchanges: Lifetime = None
    conversations: Lifetime = None
    outputs: Lifetime = None
    inputs: Lifetime = None

    def of(self, kept: Kept) -> Lifetime:
        lifetime: Lifetime = getattr(self, kept)
        return lifetime


NO_LIFETIMES: Final = Lifetimes()


class RetentionSettings(Lifetimes):
    """How long everything is kept that nobody has deleted: for ever, unless a lifetime is set.

    `deleted`: what its owner has deleted is erased then. `uploads`: those that no job has named. `every`: how often it
    is looked whether something is due; `walk_every`: how often all jobs and uploads are looked at.
    """

    deleted: Duration = timedelta(days=7)
    uploads: Lifetime = None
    webhook_deliveries: Lifetime = None  #: from their end on
    incoming_webhooks: Lifetime = None  #: the ids by which a repetition is known
    audit_log: Lifetime = None
    every: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(minutes=1)
    walk_every: Duration = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class RetentionPolicy:
    """Who says what: a user's own lifetimes come before those of a model, and these before everybody's."""

    settings: RetentionSettings
    models: Mapping[str, Lifetimes] = field(default_factory=dict)
    users: Mapping[str, Lifetimes] = field(default_factory=dict)

    def lifetime(self, kept: Kept, *, model_id: str, user_id: str) -> timedelta | None:
        """None is for ever."""
        said = (
            self.users.get(user_id, NO_LIFETIMES).of(kept),
            self.models.get(model_id, NO_LIFETIMES).of(kept),
            self.settings.of(kept),
        )
        return _first(said)

    def inputs_lifetime(self, *, model_id: str, user_id: str) -> timedelta | None:
        """Uploads do not outlive the jobs that name them."""
        kept = (self.lifetime(one, model_id=model_id, user_id=user_id) for one in (Kept.INPUTS, Kept.JOBS))
        return min((one for one in kept if one is not None), default=None)

    def due(self, age: timedelta, *, model_id: str, user_id: str) -> LetGo:
        """What is to be erased of a job that ended so long ago."""
        due = LetGo.NOTHING
        for kept, parts in _PARTS.items():
            lifetime = self.lifetime(kept, model_id=model_id, user_id=user_id)
            if lifetime is not None and age >= lifetime:
                due |= parts
        return due

    @property
    def shortest(self) -> timedelta | None:
        """No job, and no upload, that is younger is due. None when nothing ever is."""
        sources: Iterable[Lifetimes] = (self.settings, *self.models.values(), *self.users.values())
        said = [_first((one.of(kept),)) for one in sources for kept in Kept]
        return min((one for one in [*said, _first((self.settings.uploads,))] if one is not None), default=None)


def _first(said: Iterable[Lifetime]) -> timedelta | None:
    """The first that says anything."""
    lifetime = next((one for one in said if one is not None), FOREVER)
    return lifetime if isinstance(lifetime, timedelta) else None


class HoldKind(StrEnum):
    """What a legal hold keeps."""

    USER = "user"
    JOB = "job"
