"""`POST /api/webhooks/{provider}/{token}`: a provider's webhook is verified, and then only triggers a poll."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import structlog
from fastapi import APIRouter, Request

from aijobs.domain.errors import NotAuthenticated, NotFound, TemporalUnavailable
from aijobs.domain.jobs.submissions import Accepted, Outcome, Submission
from aijobs.domain.ports.credentials import credentials_of
from aijobs.domain.ports.providers import Provider, WebhookKeySource
from aijobs.domain.ports.submissions import SubmissionLog
from aijobs.domain.ports.workflow_control import JobEngine
from aijobs.domain.provider_io import IncomingWebhook, WebhookHint
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.reports import keep_report
from aijobs.persistence.webhooks.inbound import require_its_own, submission_at, submission_with, take_receipt
from api.dependencies import AppMetrics, Db, Engine, Submissions, Vendors
from api.problems import problem_responses
from api.schemas.jobs import Received

MAX_TOKEN_LENGTH: Final = 100
ACCOUNT: Final = "account"

log = structlog.get_logger()
router = APIRouter(tags=["webhooks"])


@router.post(
    "/api/webhooks/{provider}/{token}",
    summary="Take a provider's webhook",
    responses=problem_responses(401, 404, 413, 422),
)
async def take_webhook(
    provider: str,
    token: str,
    request: Request,
    providers: Vendors,
    database: Db,
    submissions: Submissions,
    engine: Engine,
    figures: AppMetrics,
) -> Received:
    """For providers only. The job then polls its provider at once; the webhook's content is not trusted.

    Of a provider that cannot be asked about a job, it is kept for that poll: the token alone proves it then.
    The token is the one that was planted in this webhook's address, or `account` for a provider that has one address
    for all of an account's webhooks. Of those, only the ones about accepted submissions are of use here.
    """
    with figures.incoming_webhook():
        if provider not in providers or len(token) > MAX_TOKEN_LENGTH:
            raise NotFound("Nobody waits for this webhook.")
        is_for_account = token == ACCOUNT and providers[provider].capabilities.account_webhook
        submission = None if is_for_account else await database.read(submission_with, provider=provider, token=token)
        body = await request.body()  # for nobody without a token: it may be large
        delivery = IncomingWebhook(dict(request.headers), body, token, sent=submission.request if submission else None)
        hint = await _verified(_vendors(providers, provider, submission), delivery)
        if submission is None:
            submission = await database.read(submission_at, provider=provider, ref_id=str((hint.ref or {}).get("id")))
        elif hint.ref is not None:
            ref_id = str(hint.ref["id"])
            await database.read(require_its_own, submission, provider=provider, ref_id=ref_id)
            await _conclude_submission(submissions, submission, Accepted(hint.ref))
        if hint.report is not None:
            await database.write(keep_report, submission, hint.report)
        if await _is_new(database, provider, hint) and await _is_passed_on(engine, submission):
            figures.passed_on(hint.sent_at)
    return Received(received=True)


def _vendors(providers: Vendors, provider: str, submission: Submission | None) -> list[Provider]:
    """By whose credential the webhook is to be verified; for a webhook of an account, that may be any."""
    if submission is None:
        return [providers[credential] for credential in credentials_of(providers, provider)]
    credential = submission.credential or provider
    if credential not in providers:
        raise NotFound("Nobody waits for this webhook.")
    return [providers[credential]]


async def _verified(vendors: Sequence[Provider], delivery: IncomingWebhook) -> WebhookHint:
    """Raises NotAuthenticated when no credential verifies it."""
    for vendor in vendors[:-1]:
        with suppress(NotAuthenticated):
            return await _parsed(vendor, delivery)
    return await _parsed(vendors[-1], delivery)


async def _parsed(vendor: Provider, delivery: IncomingWebhook) -> WebhookHint:
    if isinstance(vendor, WebhookKeySource):
        await vendor.load_webhook_keys()
    return vendor.parse_webhook(delivery)


async def _conclude_submission(submissions: SubmissionLog, submission: Submission, accepted: Accepted) -> None:
    """A webhook with our token proves that the provider accepted the submission."""
    if submission.outcome in {None, Outcome.UNKNOWN}:
        await submissions.conclude(submission, accepted)


async def _is_new(database: Database, provider: str, hint: WebhookHint) -> bool:
    """False for a delivery that was received before. Providers without delivery ids are never deduplicated."""
    if hint.delivery_id is None:
        return True
    return await database.write(take_receipt, provider=provider, delivery_id=hint.delivery_id)


async def _is_passed_on(engine: JobEngine, submission: Submission) -> bool:
    try:
        await engine.hint(submission.job_code)
    except TemporalUnavailable as error:  # the next poll finds the change
        log.warning("webhook_not_passed_on", job=submission.job_code, reason=str(error))
        return False
    return True
