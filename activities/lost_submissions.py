"""Submissions whose outcome the database does not know: how it is kept, or they are marked and found again."""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from activities.heartbeats import remembered
from aijobs.domain.errors import DatabaseUnavailable, SubmissionForgotten
from aijobs.domain.jobs.submissions import Found, Search, Submission
from aijobs.domain.ports.credentials import provider_in
from aijobs.domain.ports.providers import Provider
from aijobs.domain.ports.submissions import SubmissionLog

TOKEN_BYTES: Final = 18

KEEP_FOR: Final = timedelta(seconds=60)
"""How long an outcome that the database does not take is kept. What a process has kept when it dies is looked for."""

KEEP_PAUSE: Final = timedelta(seconds=1)

T = TypeVar("T")


async def kept(write: Callable[[], Awaitable[T]]) -> T:
    """What the write of an outcome returns. While the database is away it is tried again: nobody else knows it.

    Raises DatabaseUnavailable after KEEP_FOR.
    """
    gives_up_at = time.monotonic() + KEEP_FOR.total_seconds()
    while True:
        try:
            return await write()
        except DatabaseUnavailable:
            if time.monotonic() > gives_up_at:
                raise
        await asyncio.sleep(KEEP_PAUSE.total_seconds())


def submission_token(secret: bytes, job_code: str, number: int) -> str:
    """The same whenever it is made: what an older copy of the database has forgotten is found by it."""
    made = hmac.digest(secret, f"submission {job_code} {number}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(made[:TOKEN_BYTES]).decode()


async def look_for(submissions: SubmissionLog, provider: Provider, name: str, submission: Submission) -> Found | Search:
    """Ask the provider for a submission whose outcome is unknown.

    What may be another submission's is not found, and what may be arriving again is not absent.
    """
    name = name if submission.credential is None else provider_in(submission.credential)
    others = await submissions.known_ids(name, since=submission.intent_at - timedelta(hours=1))
    search = await provider.reconcile(submission, known_ids=others)
    if isinstance(search, Found) and await submissions.may_be_anothers(name, submission, search.ref):
        return Search.NOT_YET
    again = provider.capabilities.may_be_on_its_way_again(submission.intent_at, now=datetime.now(UTC))
    return Search.NOT_YET if search is Search.ABSENT and (again or submission.may_be_of_another_time) else search


def require_all_known(last: Submission | None) -> None:
    """Raises SubmissionForgotten when an earlier attempt has sent a submission that the database does not have."""
    sent = remembered() or 0
    if sent > (last.number if last else 0):
        raise SubmissionForgotten(f"The database has forgotten submission {sent}: is it an older copy?")
