"""Checks of the questions about a job, and of a cancel."""

import json
from typing import Final

from aijobs.domain.jobs.submissions import CancelOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Snapshot
from aijobs.providers.conformance.checks.asking import SILENCE, changed, failure, seen, unavailable
from aijobs.providers.conformance.laboratory import KEY, DoesNotApply, Laboratory, in_words, require

#: Of the silences, those that no cancel can be answered with: a success may say nothing more.
OUTAGES: Final = ("the connection closes", "a 401", "a 503", "a redirect to a private address", "100 MB")
STOPPED: Final = frozenset({CancelOutcome.CANCELED, CancelOutcome.REQUESTED})


async def running_is_no_end(lab: Laboratory) -> None:
    """A running job is no end, and its progress is a percentage."""
    snapshot = await seen(lab, lab.specimen.running)
    require(not snapshot.final and snapshot.status.is_before(JobStatus.GENERATED), in_words(snapshot))
    unit = snapshot.unit_progress
    require(unit is None or 0 <= unit <= 100, f"the progress is {unit}")


async def progress_never_goes_back(lab: Laboratory) -> None:
    """Progress is told where it is offered, alike for the same answer, and the end is not below it."""
    ref = await lab.accepted()
    lab.tells(lab.specimen.running)
    first, again = [(await lab.provider.query(ref)).unit_progress for _ in range(2)]
    require(first == again, f"the same answer is {first}, and then {again}")
    lab.tells(lab.specimen.finished)
    last = (await lab.provider.query(ref)).unit_progress
    if not lab.provider.capabilities.unit_progress:
        require(first is None and last is None, "there is progress, though none is offered")
    require(last is None or first is None or last >= first, f"{first} is followed by {last} at the end")


async def unknown_word_still_runs(lab: Laboratory) -> None:
    """A word that nobody knows is neither an end nor a failure."""
    unheard = changed(lab.specimen.running, json.dumps(lab.specimen.word), '"hibernating"')
    require("hibernating" in str(unheard), "the specimen's word is not in its running job")
    snapshot = await seen(lab, unheard)
    require(not snapshot.final, f"{snapshot.status.name}")


async def ends_are_understood(lab: Laboratory) -> None:
    """A finished job is finished, and a failed one says why."""
    done = await seen(lab, lab.specimen.finished)
    require(done.final and done.status is JobStatus.GENERATED, f"finished: {done.status.name}")
    failed = await seen(lab, lab.specimen.failed)
    require(failed.final and failed.status is JobStatus.FAILED, f"failed: {failed.status.name}")
    require(failed.error and failed.error.message, "a failure has no reason")


async def only_nothing_is_sent_again(lab: Laboratory) -> None:
    """Only a failure of which the vendor says that nothing was made may be sent once more."""
    for answer in (lab.specimen.running, lab.specimen.finished, lab.specimen.failed):
        require(not (await seen(lab, answer)).nothing_made, f"nothing is made, it says, of {answer!r}")
    if lab.specimen.interrupted is not None:
        interrupted = await seen(lab, lab.specimen.interrupted)
        require(interrupted.nothing_made and interrupted.status is JobStatus.FAILED, in_words(interrupted))


async def failure_keeps_the_key(lab: Laboratory) -> None:
    """A key that the vendor quotes in a failed job is in nothing that is shown or stored."""
    failed = await seen(lab, lab.specimen.failed)
    told = failed.error.message if failed.error else ""
    quoted = changed(lab.specimen.failed, json.dumps(told)[1:-1], f"bad key {lab.key}")
    require(KEY not in repr(await seen(lab, quoted)), "the key is in the snapshot")


async def silence_is_no_end(lab: Laboratory) -> None:
    """An answer that says nothing about the job ends nothing."""
    ref = await lab.accepted()
    for name, happens in SILENCE.items():
        happens(lab.vendor)
        answer = await unavailable(lab.provider.query(ref))
        require(answer is None or (isinstance(answer, Snapshot) and not answer.definite), f"{name}: {in_words(answer)}")


async def not_found_is_no_end(lab: Laboratory) -> None:
    """Not found is not failed."""
    ref = await lab.accepted()
    lab.vendor.answers(404, {})
    answer = await unavailable(lab.provider.query(ref))
    is_open = isinstance(answer, Snapshot) and not answer.definite and not answer.final
    require(answer is None or is_open, in_words(answer))


async def cancel_is_answered(lab: Laboratory) -> None:
    """A cancel does what the capabilities say, and may be repeated."""
    ref = await lab.accepted()
    before = lab.vendor.connections
    if not lab.provider.capabilities.cancel:
        outcomes = [await lab.provider.cancel(ref) for _ in range(2)]
        require(outcomes == [CancelOutcome.NOT_SUPPORTED] * 2, f"none is offered, and {_told(outcomes)}")
        require(lab.vendor.connections == before, "something was sent, though a cancel is not offered")
        return
    expected = lab.specimen.cancels
    require(STOPPED & expected.keys(), "the specimen shows no cancel that is taken")
    require(CancelOutcome.TOO_LATE in expected, "the specimen shows no cancel that comes too late")
    for outcome, (status, answer) in expected.items():
        lab.vendor.plays(answer, status=status)
        outcomes = [await lab.provider.cancel(ref) for _ in range(2)]
        require(outcomes == [outcome] * 2, f"it should be {outcome.replace('_', ' ')}, and {_told(outcomes)}")


async def outage_is_no_answer(lab: Laboratory) -> None:
    """An outage is no answer to a cancel."""
    if not lab.provider.capabilities.cancel:
        raise DoesNotApply("a cancel is not offered")
    ref = await lab.accepted()
    for name in OUTAGES:
        SILENCE[name](lab.vendor)
        answer = await unavailable(lab.provider.cancel(ref))
        require(answer is None, f"{name}: {in_words(answer)}")


async def errors_keep_the_key(lab: Laboratory) -> None:
    """A key that the vendor quotes, whatever it is asked, is in no error."""
    ref = await lab.accepted()
    finished = await seen(lab, lab.specimen.finished)
    quoted = dict.fromkeys(("message", "detail", "title", "error"), f"bad key {lab.key}")
    for status in (401, 403, 503):
        lab.vendor.answers(status, quoted)
        snapshot = await failure(lab.provider.query(ref))
        require(KEY not in repr(snapshot), f"{status}: the key is in the snapshot")
        await failure(lab.provider.outputs(ref, finished))
        await failure(lab.provider.cancel(ref))
        await failure(lab.provider.reconcile(lab.submission(), known_ids=frozenset()))


def _told(outcomes: list[CancelOutcome]) -> str:
    return ", then ".join(map(in_words, outcomes))


ALL: Final = (
    running_is_no_end,
    progress_never_goes_back,
    unknown_word_still_runs,
    ends_are_understood,
    only_nothing_is_sent_again,
    failure_keeps_the_key,
    silence_is_no_end,
    not_found_is_no_end,
    cancel_is_answered,
    outage_is_no_answer,
    errors_keep_the_key,
)
