"""Submissions that may have left without the database knowing their outcome: how they are marked, and found again."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Final

from activities.heartbeats import remembered
from aijobs.domain.errors import SubmissionForgotten
from aijobs.domain.jobs.submissions import Found, Search, Submission
from aijobs.domain.ports.credentials import provider_in
from aijobs.domain.ports.providers import Provider
from aijobs.domain.ports.submissions import SubmissionLog

TOKEN_BYTES: Final = 18


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
