"""What the checks of everything that follows a submit have in common: how the vendor is asked, and is silent."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aijobs.domain.errors import ProviderFailed, ProviderUnavailable
from aijobs.domain.provider_io import Snapshot
from aijobs.providers.conformance.checks.submit_checks import ANOTHERS_JSON, PRIVATE, SIGN_IN_PAGE
from aijobs.providers.conformance.laboratory import KEY, Laboratory, require
from aijobs.providers.conformance.played_vendor import PlayedVendor
from aijobs.providers.package import Answer

#: Answers that say nothing about a job.
SILENCE: Final[Mapping[str, Callable[[PlayedVendor], None]]] = {
    "the connection closes": PlayedVendor.drops,
    "a page of HTML": lambda vendor: vendor.answers(200, SIGN_IN_PAGE),
    "another vendor's JSON": lambda vendor: vendor.answers(200, ANOTHERS_JSON),
    "a list": lambda vendor: vendor.answers(200, "[]"),
    "a 401": lambda vendor: vendor.answers(401, {}),
    "a 503": lambda vendor: vendor.answers(503, {}),
    "a redirect to a private address": lambda vendor: vendor.answers(302, "", Location=PRIVATE),
    "100 MB": PlayedVendor.never_ends,
}


async def seen(lab: Laboratory, answer: Answer) -> Snapshot:
    ref = await lab.accepted()
    lab.tells(answer)
    return await lab.provider.query(ref)


async def unavailable(asking: Awaitable[object]) -> object:
    """What came instead of ProviderUnavailable; None when that was raised, without the key in its text."""
    try:
        return await asking
    except ProviderUnavailable as error:
        require(KEY not in str(error), "the key is in the error")
        return None


async def failure(asking: Awaitable[object]) -> object:
    """The text of a ProviderFailed or a ProviderUnavailable; else what came instead."""
    try:
        return await asking
    except (ProviderFailed, ProviderUnavailable) as error:
        require(KEY not in str(error), "the key is in the error")
        return str(error)


def changed(answer: Answer, old: str, new: str) -> Answer:
    """With one text in the place of another."""
    if isinstance(answer, str):
        return answer.replace(old, new)
    return {end: text.replace(old, new) for end, text in answer.items()}
