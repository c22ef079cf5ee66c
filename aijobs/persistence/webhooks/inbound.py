"""Inbound webhooks: their submission, and whether they were received before."""

from sqlmodel import Session, col, select

from aijobs.domain.errors import BadInput, NotFound
from aijobs.domain.jobs.submissions import Submission
from aijobs.persistence.jobs.submissions import as_submission
from aijobs.persistence.tables import SubmissionRow, WebhookReceiptRow


def submission_with(session: Session, *, provider: str, token: str) -> Submission:
    """The submission with this token. Raises NotFound."""
    found = session.exec(
        select(SubmissionRow).where(col(SubmissionRow.token) == token, col(SubmissionRow.provider) == provider)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound("Nobody waits for this webhook.")
    return as_submission(row)


def submission_at(session: Session, *, provider: str, ref_id: str) -> Submission:
    """The last submission that the provider has accepted under this id. Raises NotFound."""
    found = session.exec(
        select(SubmissionRow)
        .where(col(SubmissionRow.ref_id) == ref_id, col(SubmissionRow.provider) == provider)
        .order_by(col(SubmissionRow.id).desc())
        .limit(1)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound("Nobody waits for this webhook.")
    return as_submission(row)


def require_its_own(session: Session, submission: Submission, *, provider: str, ref_id: str) -> None:
    """Raises BadInput for a webhook, at this submission's address, that is about another job of the provider's."""
    known = submission.ref["id"] if submission.ref else None
    others = select(SubmissionRow.id).where(
        col(SubmissionRow.ref_id) == ref_id, col(SubmissionRow.provider) == provider, SubmissionRow.id != submission.id
    )
    if known not in (None, ref_id) or (known is None and session.exec(others.limit(1)).first() is not None):
        raise BadInput("The webhook is about another job than the one that its address is for.")


def take_receipt(session: Session, *, provider: str, delivery_id: str) -> bool:
    """Record a delivery; False when it was received before."""
    if session.get(WebhookReceiptRow, (provider, delivery_id)) is not None:
        return False
    session.add(WebhookReceiptRow(provider=provider, delivery_id=delivery_id))
    return True
