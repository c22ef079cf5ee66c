"""Checks of the results of a job, and of their links."""

from datetime import UTC, datetime, timedelta
from typing import Final

from aijobs.domain.jobs.outputs import OutputSource
from aijobs.domain.jobs.submissions import Ref
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Snapshot
from aijobs.providers.conformance.checks.asking import changed, failure, seen
from aijobs.providers.conformance.laboratory import DoesNotApply, Laboratory, require
from aijobs.providers.package import Answer

SLACK: Final = timedelta(minutes=5)


async def _finished(lab: Laboratory) -> tuple[Ref, Snapshot]:
    """The finished job; from now on the vendor gives its results."""
    snapshot = await seen(lab, lab.specimen.finished)
    ref = await lab.accepted()
    lab.tells(lab.specimen.results or lab.specimen.finished)
    return ref, snapshot


def _require_whole(sources: list[OutputSource]) -> None:
    for one in sources:
        require((one.url is None) != (one.content is None), "there is a link and content at once, or neither")
        require(one.content is None or one.content, "the content is empty")
        require(one.url is None or one.url.startswith(("https://", "http://")), f"the link is {one.url!r}")


async def results_are_found(lab: Laboratory) -> None:
    """A finished job has results, and their links may be asked for again."""
    ref, snapshot = await _finished(lab)
    for _ in range(2):
        sources = await lab.provider.outputs(ref, snapshot)
        require(sources, "there are none")
        _require_whole(sources)


async def every_shape_is_read(lab: Laboratory) -> None:
    """Results are found in every shape that the vendor gives them in."""
    if not lab.specimen.shapes:
        raise DoesNotApply("the specimen has one shape")
    for answer, count in lab.specimen.shapes:
        snapshot = await seen(lab, answer)
        require(snapshot.status is JobStatus.GENERATED, f"{answer!r} is {snapshot.status.name}")
        ref = await lab.accepted()
        lab.tells(answer)
        sources = await lab.provider.outputs(ref, snapshot)
        require(len(sources) == count, f"{len(sources)} results instead of {count} are found in {answer!r}")
        _require_whole(sources)


async def no_results_are_none(lab: Laboratory) -> None:
    """A finished job without results has none."""
    snapshot = await seen(lab, lab.specimen.finished if lab.specimen.results else lab.specimen.emptied)
    ref = await lab.accepted()
    lab.tells(lab.specimen.emptied)
    sources = await failure(lab.provider.outputs(ref, snapshot))
    require(sources == [] or isinstance(sources, str), f"{sources} came from nowhere")


async def lost_results_are_told(lab: Laboratory) -> None:
    """Results that the vendor has erased end with a reason, if they have to be asked for."""
    ref, snapshot = await _finished(lab)
    for status in (404, 410):
        lab.vendor.answers(status, {})
        sources = await failure(lab.provider.outputs(ref, snapshot))
        require(sources, f"{status}: no results, and no reason")


async def renewed_links_are_seen(lab: Laboratory) -> None:
    """A link that has expired is renewed by asking again, and none is used for longer than it lasts."""
    ref, snapshot = await _finished(lab)
    first = await lab.provider.outputs(ref, snapshot)
    lifetime = lab.provider.capabilities.link_lifetime
    for one in first:
        is_within = one.expires_at is None or lifetime is None or one.expires_at <= datetime.now(UTC) + lifetime + SLACK
        require(is_within, f"a link is used until {one.expires_at}, and lasts for {lifetime}")
    given = f"{lab.specimen.finished} {lab.specimen.results}".replace("$URL", lab.vendor.url)
    links = [one.url for one in first if one.url and one.url in given]  # not those that the provider signs itself
    if not links:
        raise DoesNotApply("the results are no links of the vendor's")
    renewed = f"{links[0]}&renewed" if "?" in links[0] else f"{links[0]}?renewed"

    def new(answer: Answer) -> Answer:
        return changed(changed(answer, "$URL", lab.vendor.url), links[0], renewed)

    lab.tells(new(lab.specimen.finished))
    snapshot = await lab.provider.query(ref)
    lab.tells(new(lab.specimen.results or lab.specimen.finished))
    again = [one.url for one in await lab.provider.outputs(ref, snapshot)]
    require(renewed in again, f"the vendor gives {renewed} now, and what is used is {again}")


ALL: Final = (
    results_are_found,
    every_shape_is_read,
    no_results_are_none,
    lost_results_are_told,
    renewed_links_are_seen,
)
