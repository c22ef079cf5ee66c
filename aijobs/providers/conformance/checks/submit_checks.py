"""Checks of the request that costs money: three outcomes, and one send."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from aijobs.domain.jobs.submissions import Accepted, Rejected, SubmitOutcome, Unknown
from aijobs.providers.conformance.laboratory import KEY, TOKEN, DoesNotApply, Laboratory, in_words, require
from aijobs.providers.conformance.played_vendor import PlayedVendor

PRIVATE: Final = "http://169.254.169.254/latest/meta-data/"
ANOTHERS_JSON: Final = '{"task": {"uid": "of another vendor", "phase": "succeeded"}}'
SIGN_IN_PAGE: Final = "<!doctype html><title>Please sign in</title>"

#: Every way in which the vendor may have made the job, and nobody knows.
DOUBTS: Final[dict[str, Callable[[PlayedVendor], None]]] = {
    "the connection closes": PlayedVendor.drops,
    "the connection is reset": PlayedVendor.resets,
    "no answer comes": PlayedVendor.hangs,
    "a 500": lambda vendor: vendor.answers(500, {}),
    "a gateway's 502": lambda vendor: vendor.answers(502, SIGN_IN_PAGE),
    "a 504": lambda vendor: vendor.answers(504, ""),
    "a 408": lambda vendor: vendor.answers(408, {}),
    "a page of HTML": lambda vendor: vendor.answers(200, SIGN_IN_PAGE),
    "another vendor's JSON": lambda vendor: vendor.answers(200, ANOTHERS_JSON),
    "a success without an id": lambda vendor: vendor.answers(200, {}),
    "a list": lambda vendor: vendor.answers(200, "[]"),
    "JSON that is cut off": lambda vendor: vendor.answers(200, '{"id": "7'),
    "a redirect to a private address": lambda vendor: vendor.answers(302, "", Location=PRIVATE),
    "a redirect that repeats the request": lambda vendor: vendor.answers(307, "", Location=f"{vendor.url}/again"),
    "100 MB": PlayedVendor.never_ends,
}


async def built_alike(lab: Laboratory) -> None:
    """The same job makes the same request, without the key in it."""
    first, second = lab.submission().request, lab.submission().request
    require(first == second, "two requests of one job differ")
    require(KEY not in repr(first), "the key is in the request, which is stored")


async def accepted_once(lab: Laboratory) -> None:
    """An accepted job has the vendor's id, and is sent once."""
    ref = await lab.accepted()
    require(str(ref.get("id")) == lab.specimen.job_id, f"the id is {ref.get('id')!r}")
    require(lab.vendor.connections == 1, f"{lab.vendor.connections} requests were sent")


async def doubt_is_unknown(lab: Laboratory) -> None:
    """Whatever leaves a doubt is unknown, and is not sent again."""
    for name, happens in DOUBTS.items():
        happens(lab.vendor)
        before = lab.vendor.connections
        outcome = await lab.submit()
        require(isinstance(outcome, Unknown), f"{name}: {in_words(outcome)}")
        require(lab.vendor.connections == before + 1, f"{name}: sent {lab.vendor.connections - before} times")


async def refused_for_good(lab: Laboratory) -> None:
    """A refusal is final, with a reason, and is not sent again."""
    for number, status in enumerate((401, 422), start=1):
        lab.vendor.answers(status, {})
        outcome = await lab.submit()
        require(lab.vendor.connections == number, f"{status}: {lab.vendor.connections} requests were sent")
        require(isinstance(outcome, Rejected) and not outcome.may_retry, f"a {status}: {in_words(outcome)}")
        require(isinstance(outcome, Rejected) and outcome.message, f"a {status}: no reason is given")


async def throttled_is_later(lab: Laboratory) -> None:
    """A throttled job may be sent again, after the time that the vendor names, and not by the provider itself."""
    lab.vendor.answers(429, {}, retry_after="7")
    outcome = await lab.submit()
    require(lab.vendor.connections == 1, f"{lab.vendor.connections} requests were sent")
    require(isinstance(outcome, Rejected) and outcome.may_retry, f"a 429: {in_words(outcome)}")
    require(isinstance(outcome, Rejected) and outcome.retry_after == timedelta(seconds=7), _waits(outcome))


async def keys_stay_secret(lab: Laboratory) -> None:
    """A key that the vendor quotes is in no error."""
    quoted = dict.fromkeys(("message", "detail", "title", "error"), f"bad key {lab.key}")
    for status in (401, 422, 429):
        lab.vendor.answers(status, quoted)
        require(KEY not in repr(await lab.submit()), f"{status}: the key is in the outcome")


async def token_is_planted(lab: Laboratory) -> None:
    """What makes a lost job known again is in its request."""
    can = lab.provider.capabilities
    if not (can.reconcile_window or can.webhook or can.resend_window):
        raise DoesNotApply("a lost job is not looked for, and no webhooks come")
    require(TOKEN in repr(lab.submission().request), "the submission's token is not in it")


async def accepted_by_any_success(lab: Laboratory) -> None:
    """Every success with an id is an acceptance."""
    for status in (200, 201, 202):
        lab.vendor.answers(status, lab.specimen.submitted)
        require(isinstance(await lab.submit(), Accepted), f"{status} is none")


def _waits(outcome: SubmitOutcome) -> str:
    waits = outcome.retry_after if isinstance(outcome, Rejected) else None
    return f"Retry-After: 7 is read as {waits.total_seconds():g} s" if waits else "Retry-After: 7 is not read"


ALL: Final = (
    built_alike,
    token_is_planted,
    accepted_once,
    accepted_by_any_success,
    doubt_is_unknown,
    refused_for_good,
    throttled_is_later,
    keys_stay_secret,
)
