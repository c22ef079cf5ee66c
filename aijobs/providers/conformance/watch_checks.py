"""Checks of what follows a submit: questions, results, cancels, webhooks, and the search for a lost job."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from aijobs.domain.errors import BadInput, NotAuthenticated, ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.submissions import CancelOutcome, Found, Search
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import IncomingWebhook, Snapshot
from aijobs.providers.conformance.laboratory import KEY, TOKEN, Laboratory, require
from aijobs.providers.conformance.played_vendor import PlayedVendor
from aijobs.providers.conformance.submit_checks import ANOTHERS_JSON, PRIVATE, SIGN_IN_PAGE

SEARCHED_AFTER: Final = timedelta(minutes=30)

#: Answers that say nothing about a job.
SILENCE: Final[dict[str, Callable[[PlayedVendor], None]]] = {
    "the connection closes": PlayedVendor.drops,
    "a page of HTML": lambda vendor: vendor.answers(200, SIGN_IN_PAGE),
    "another vendor's JSON": lambda vendor: vendor.answers(200, ANOTHERS_JSON),
    "a list": lambda vendor: vendor.answers(200, "[]"),
    "a 401": lambda vendor: vendor.answers(401, {"message": f"bad key {KEY}"}),
    "a 503": lambda vendor: vendor.answers(503, {}),
    "a redirect to a private address": lambda vendor: vendor.answers(302, "", Location=PRIVATE),
    "100 MB": PlayedVendor.never_ends,
}


async def _seen(lab: Laboratory, answer: str) -> Snapshot:
    ref = await lab.accepted()
    lab.vendor.answers(200, answer)
    return await lab.provider.query(ref)


async def _unavailable(asking: Awaitable[object]) -> object:
    """What came instead of ProviderUnavailable; None when that was raised, without the key in its text."""
    try:
        return await asking
    except ProviderUnavailable as unavailable:
        require(KEY not in str(unavailable), "the key is in the error")
        return None


async def running_is_no_end(lab: Laboratory) -> None:
    """A running job is no end, and its progress is a percentage."""
    snapshot = await _seen(lab, lab.specimen.running)
    require(not snapshot.final and snapshot.status.is_before(JobStatus.GENERATED), f"{snapshot}")
    unit = snapshot.unit_progress
    require(unit is None or 0 <= unit <= 100, f"the progress is {unit}")


async def unknown_word_still_runs(lab: Laboratory) -> None:
    """A word that nobody knows is neither an end nor a failure."""
    unheard = lab.specimen.running.replace(json.dumps(lab.specimen.word), '"hibernating"')
    require("hibernating" in unheard, "the specimen's word is not in its running job")
    snapshot = await _seen(lab, unheard)
    require(not snapshot.final, f"{snapshot.status.name}")


async def ends_are_understood(lab: Laboratory) -> None:
    """A finished job is finished, and a failed one says why."""
    done = await _seen(lab, lab.specimen.finished)
    require(done.final and done.status is JobStatus.GENERATED, f"finished: {done.status.name}")
    failed = await _seen(lab, lab.specimen.failed)
    require(failed.final and failed.status is JobStatus.FAILED, f"failed: {failed.status.name}")
    require(failed.error and failed.error.message, "a failure has no reason")


async def silence_is_no_end(lab: Laboratory) -> None:
    """An answer that says nothing about the job ends nothing."""
    ref = await lab.accepted()
    for name, happens in SILENCE.items():
        happens(lab.vendor)
        seen = await _unavailable(lab.provider.query(ref))
        require(seen is None or (isinstance(seen, Snapshot) and not seen.definite), f"{name}: {seen}")


async def not_found_is_no_end(lab: Laboratory) -> None:
    """Not found is not failed."""
    ref = await lab.accepted()
    lab.vendor.answers(404, {})
    seen = await _unavailable(lab.provider.query(ref))
    require(seen is None or (isinstance(seen, Snapshot) and not seen.definite and not seen.final), f"{seen}")


async def results_are_found(lab: Laboratory) -> None:
    """A finished job has results, and their links may be asked for again."""
    snapshot = await _seen(lab, lab.specimen.finished)
    ref = await lab.accepted()
    lab.vendor.answers(200, lab.specimen.results or lab.specimen.finished)
    for _ in range(2):
        sources = await lab.provider.outputs(ref, snapshot)
        require(sources, "there are none")
        require(all((one.url is None) != (one.content is None) for one in sources), "a link and content at once")


async def no_results_are_none(lab: Laboratory) -> None:
    """A finished job without results has none."""
    snapshot = await _seen(lab, lab.specimen.finished if lab.specimen.results else lab.specimen.emptied)
    ref = await lab.accepted()
    lab.vendor.answers(200, lab.specimen.emptied)
    try:
        sources = await lab.provider.outputs(ref, snapshot)
    except (ProviderFailed, ProviderUnavailable):
        return
    require(sources == [], f"{len(sources)} came from nowhere")


async def cancel_is_answered(lab: Laboratory) -> None:
    """A cancel does what the capabilities say, and may be repeated."""
    ref = await lab.accepted()
    before = lab.vendor.connections
    lab.vendor.answers(200, lab.specimen.running)
    outcomes = [await lab.provider.cancel(ref) for _ in range(2)]
    if not lab.provider.capabilities.cancel:
        require(outcomes == [CancelOutcome.NOT_SUPPORTED] * 2, f"{outcomes}")
        require(lab.vendor.connections == before, "something was sent, though a cancel is not offered")
        return
    require(set(outcomes) <= {CancelOutcome.CANCELED, CancelOutcome.REQUESTED}, f"{outcomes}")
    lab.vendor.answers(503, {})
    require(await _unavailable(lab.provider.cancel(ref)) is None, "an outage is taken for an answer")


async def forgery_is_refused(lab: Laboratory) -> None:
    """A forged webhook is refused, or names the job that its body is about."""
    forged = {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1000000000",
        "webhook-signature": "v1,AAAA",
        "x-webhook-secret": "guessed",
    }
    for headers in ({}, forged):
        for body in (b"", b"<html>", b"[]", b"{}", b"\xff\xfe", ANOTHERS_JSON.encode(), lab.specimen.finished.encode()):
            try:
                hint = lab.provider.parse_webhook(IncomingWebhook(headers, body, token=TOKEN))
            except (NotAuthenticated, BadInput):
                continue
            require(lab.provider.capabilities.webhook, "one is taken, though none are sent")
            about = str(hint.ref.get("id")) if hint.ref else ""
            require(about.encode() in body, f"{body[:80]!r} is taken for {about}")


async def lost_is_looked_for(lab: Laboratory) -> None:
    """A lost job is found or stays unknown; only a list that can be read proves that it is absent."""
    submission = lab.submission(age=SEARCHED_AFTER)
    if lab.provider.capabilities.reconcile_window is None:
        search = await lab.provider.reconcile(submission, known_ids=frozenset())
        require(search is Search.IMPOSSIBLE, f"there is no way to search, and it says {search}")
        require(lab.vendor.connections == 0, "something was asked all the same")
        return
    for name, happens in SILENCE.items():
        happens(lab.vendor)
        found = await _unavailable(lab.provider.reconcile(submission, known_ids=frozenset()))
        require(found is not Search.ABSENT and not isinstance(found, Found), f"{name}: {found}")


ALL: Final = (
    running_is_no_end,
    unknown_word_still_runs,
    ends_are_understood,
    silence_is_no_end,
    not_found_is_no_end,
    results_are_found,
    no_results_are_none,
    cancel_is_answered,
    forgery_is_refused,
    lost_is_looked_for,
)
