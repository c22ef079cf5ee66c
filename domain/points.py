"""The user's daily allowance: which entry closes a job's reservation."""

from enum import StrEnum
from typing import assert_never

from domain.lifecycle import JobStatus


class EntryKind(StrEnum):
    """One line of the points ledger. A job has one `reserve` and then exactly one closing entry."""

    RESERVE = "reserve"
    SETTLE = "settle"
    REFUND = "refund"
    HOLD = "hold"  #: nobody knows yet whether the provider will charge; followed by settle or refund


def closing_entry(final: JobStatus, *, provider_may_charge: bool) -> EntryKind:
    """The entry that goes with a final status.

    `provider_may_charge` matters for TIMEOUT alone: the provider may still finish, and bill, what we gave up on.
    """
    match final:
        case JobStatus.SUCCESS:
            return EntryKind.SETTLE
        case JobStatus.FAILED | JobStatus.CANCELED:
            return EntryKind.REFUND
        case JobStatus.TIMEOUT:
            return EntryKind.HOLD if provider_may_charge else EntryKind.REFUND
        case (
            JobStatus.DRAFT
            | JobStatus.SUBMITTED
            | JobStatus.QUEUED
            | JobStatus.PROCESSING
            | JobStatus.GENERATED
            | JobStatus.MIGRATING
        ):
            raise ValueError(f"{final.name} is not final")
        case _:
            assert_never(final)
