"""The user's daily allowance: which entry closes a job's reservation."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from aijobs.domain.lifecycle import JobStatus


class EntryKind(StrEnum):
    """One line of the points ledger. A job has one `reserve` and then exactly one closing entry."""

    RESERVE = "reserve"
    SETTLE = "settle"
    REFUND = "refund"
    HOLD = "hold"  #: nobody knows yet whether the provider will charge; followed by settle or refund


class Closing(StrEnum):
    """What a model's operator wants to happen to the points of a job that ended badly."""

    REFUND = "refund"
    SETTLE = "settle"
    BY_OUTCOME = "by_outcome"  #: refund what the provider surely does not charge, hold the rest


class PointsPolicy(BaseModel):
    """For each bad end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    failed: Closing = Closing.REFUND
    timeout: Closing = Closing.BY_OUTCOME
    canceled: Closing = Closing.REFUND


_FIELD_OF: Final[Mapping[JobStatus, str]] = {
    JobStatus.FAILED: "failed",
    JobStatus.TIMEOUT: "timeout",
    JobStatus.CANCELED: "canceled",
}


ALERTS: Final = (50, 80, 100)
"""Percents of a user's day: when so much of it is spent, those who ask for it are told."""


def alerts_due(*, used: int, limit: int, alerted: int) -> list[int]:
    """The percents that are reached and were not told on this day: `alerted` is the last that was. None of nothing."""
    return [percent for percent in ALERTS if used and alerted < percent and used * 100 >= percent * limit]


def kept_points(kind: EntryKind, points: int) -> int | None:
    """What is kept of a job's points once its ledger has this entry; None when it does not say so."""
    match kind:
        case EntryKind.SETTLE:
            return points
        case EntryKind.REFUND:
            return 0
        case EntryKind.RESERVE | EntryKind.HOLD:
            return None


def closing_entry(final: JobStatus, policy: PointsPolicy, *, provider_may_charge: bool) -> EntryKind:
    """The entry that goes with a final status.

    `provider_may_charge`: the provider may still finish, and bill, what we gave up on.
    """
    if final is JobStatus.SUCCESS:
        return EntryKind.SETTLE
    if final not in _FIELD_OF:
        raise ValueError(f"{final.name} is not final.")
    closing: Closing = getattr(policy, _FIELD_OF[final])
    if closing is Closing.BY_OUTCOME:
        return EntryKind.HOLD if provider_may_charge else EntryKind.REFUND
    return EntryKind(closing)
