"""Cancels, lost submissions and webhooks of a declared vendor, against a scripted one."""

import hashlib
import hmac
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from standardwebhooks import Webhook

from aijobs.domain.errors import BadInput, NotAuthenticated, ProviderUnavailable
from aijobs.domain.jobs.submissions import (
    CancelOutcome,
    Found,
    ProviderRequest,
    Search,
    Submission,
)
from aijobs.domain.provider_io import IncomingWebhook, Task
from aijobs.providers.declared import declared_package
from aijobs.providers.declared.webhooks import secret_of_submission
from tests.providers.acme_vendor import ACME, KEY, Vendor
from tests.providers.scripted_vendor import Behaviours

REF: Final = {"id": "7"}
SIGNING: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
answers = Behaviours.answers


def lost(request: ProviderRequest, *, age: timedelta = timedelta()) -> Submission:
    intent_at = datetime.now(UTC) - age
    return Submission(
        id=1,
        job_code="job_1",
        number=1,
        token="token-1",
        request=request,
        intent_at=intent_at,
        outcome=None,
        ref=None,
    )


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (answers(200), CancelOutcome.REQUESTED),
        (answers(200, {"job": {"state": "stopped"}}), CancelOutcome.CANCELED),
        (answers(200, {"job": {"state": "done"}}), CancelOutcome.TOO_LATE),
        (answers(409), CancelOutcome.TOO_LATE),
    ],
)
async def test_a_cancel_is_answered(acme: Vendor, answer: Any, outcome: CancelOutcome) -> None:
    provider, vendor = await acme(answer)

    assert await provider.cancel(REF) is outcome
    assert vendor.received[0].method == "DELETE"


async def test_what_erases_a_finished_job_is_not_sent_to_one(acme: Vendor) -> None:
    toml = ACME.replace('answer = "requested"', 'answer = "requested"\nask_first = true')
    provider, vendor = await acme(answers(200, {"job": {"state": "done"}}), toml=toml)

    assert await provider.cancel(REF) is CancelOutcome.TOO_LATE
    assert [received.method for received in vendor.received] == ["GET"]


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_a_cancel_without_an_answer_is_tried_again(acme: Vendor, status: int) -> None:
    provider, _ = await acme(answers(status))

    with pytest.raises(ProviderUnavailable):
        await provider.cancel(REF)


async def test_a_lost_submission_is_found_by_its_token_on_any_page(acme: Vendor, task: Task) -> None:
    first = {"jobs": [{"id": "1", "tag": "another"}, {"id": "2"}, "garbage"], "next": "/v2/jobs?page=2"}
    second = {"jobs": [{"id": "9", "tag": "token-1"}]}
    provider, vendor = await acme(answers(200, first), answers(200, second))
    submission = lost(provider.build_request(task))

    assert await provider.reconcile(submission, known_ids=frozenset()) == Found({"id": "9"})
    assert [received.path for received in vendor.received] == ["/v2/jobs?limit=100", "/v2/jobs?page=2"]
    assert await provider.reconcile(submission, known_ids=frozenset({"9"})) is Search.NOT_YET


@pytest.mark.parametrize(
    ("age", "search"),
    [
        (timedelta(minutes=1), Search.NOT_YET),
        (timedelta(minutes=6), Search.ABSENT),
        (timedelta(hours=25), Search.IMPOSSIBLE),
    ],
)
async def test_absence_is_proven_only_by_a_whole_list_in_its_time(
    acme: Vendor, task: Task, age: timedelta, search: Search
) -> None:
    provider, _ = await acme(answers(200, {"jobs": []}))

    assert await provider.reconcile(lost(provider.build_request(task), age=age), known_ids=frozenset()) is search


async def test_a_list_that_never_ends_proves_nothing(acme: Vendor, task: Task) -> None:
    provider, _ = await acme(answers(200, {"jobs": [], "next": "/v2/jobs"}))
    submission = lost(provider.build_request(task), age=timedelta(minutes=6))

    assert await provider.reconcile(submission, known_ids=frozenset()) is Search.NOT_YET


async def test_a_webhook_that_is_signed_says_when_it_was_sent(acme: Vendor, stack: AsyncExitStack) -> None:
    """A header alone, which anybody may have written, says nothing."""
    proof = 'proof = [{ kind = "hmac_sha256", header = "X-Acme-Signature" }]'
    package = declared_package(ACME.replace(proof, 'proof = [{ kind = "standard_webhooks" }]'))
    signing = {"token": KEY.get_secret_value(), "webhook_secret": SIGNING}
    provider = await stack.enter_async_context(package.opened(package.settings.model_validate(signing)))
    body, sent_at = b'{"id": "7", "state": "done"}', datetime.now(UTC).replace(microsecond=0)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(sent_at.timestamp()))}
    signature = {"webhook-signature": Webhook(SIGNING).sign("msg_1", sent_at, body.decode())}
    unsigned, _ = await acme()

    hint = provider.parse_webhook(IncomingWebhook(headers | signature, body, token="token-1"))
    proven = signed(body, secret=secret_of_submission(KEY, "token-1"))
    other = unsigned.parse_webhook(IncomingWebhook({**headers, **proven.headers}, body, token="token-1"))

    assert (hint.ref, hint.delivery_id, hint.sent_at) == (REF, "msg_1", sent_at)
    assert other.sent_at is None


def signed(body: bytes, *, secret: str, token: str = "token-1") -> IncomingWebhook:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return IncomingWebhook({"x-acme-signature": f"sha256={signature}"}, body, token=token)


async def test_a_webhook_is_known_by_the_secret_of_its_submission(acme: Vendor) -> None:
    provider, _ = await acme()
    secret = secret_of_submission(KEY, "token-1")

    hint = provider.parse_webhook(signed(b'{"id": "7", "state": "done"}', secret=secret))

    assert (hint.ref, hint.raw_status, hint.delivery_id) == (REF, "done", "7:done")
    for forged in (
        signed(b'{"id": "7"}', secret=secret_of_submission(KEY, "token-2")),
        signed(b'{"id": "7"}', secret=secret, token="token-2"),
        IncomingWebhook({}, b'{"id": "7"}', token="token-1"),
    ):
        with pytest.raises(NotAuthenticated):
            provider.parse_webhook(forged)
    for senseless in (b"<html>", b"[]", b'{"state": "done"}', b"\xff"):
        with pytest.raises(BadInput):
            provider.parse_webhook(signed(senseless, secret=secret))
