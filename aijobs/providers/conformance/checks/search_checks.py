"""Checks of the search for a job whose submit got no answer."""

from datetime import timedelta
from typing import Final

from aijobs.domain.jobs.submissions import Found, Search
from aijobs.providers.conformance.checks.asking import SILENCE, changed, unavailable
from aijobs.providers.conformance.laboratory import TOKEN, DoesNotApply, Laboratory, in_words, require

SEARCHED_AFTER: Final = timedelta(minutes=30)
ANOTHERS: Final = "conformance-token-0002"
NOBODYS: Final = frozenset[str]()


async def lost_is_looked_for(lab: Laboratory) -> None:
    """A lost job is found or stays unknown; only a list that can be read proves that it is absent."""
    submission = lab.submission(age=SEARCHED_AFTER)
    if lab.provider.capabilities.reconcile_window is None:
        search = await lab.provider.reconcile(submission, known_ids=NOBODYS)
        require(search is Search.IMPOSSIBLE, f"there is no way to search, and {in_words(search)}")
        require(lab.vendor.connections == 0, "something was asked all the same")
        return
    for name, happens in SILENCE.items():
        happens(lab.vendor)
        found = await unavailable(lab.provider.reconcile(submission, known_ids=NOBODYS))
        require(found is not Search.ABSENT and not isinstance(found, Found), f"{name}: {in_words(found)}")


async def listed_is_found(lab: Laboratory) -> None:
    """A lost job that the vendor lists is found, unless it is known to be another's."""
    listed = lab.specimen.listed
    if lab.provider.capabilities.reconcile_window is None:
        require(listed is None, "the specimen has a list, though a lost job is not looked for")
        raise DoesNotApply("a lost job is not looked for")
    require(listed is not None, "the specimen does not show how a lost job is found")
    lab.vendor.plays(changed(listed or "", "$TOKEN", TOKEN))
    submission = lab.submission(age=SEARCHED_AFTER)
    found = await lab.provider.reconcile(submission, known_ids=NOBODYS)
    expected = lab.specimen.found_id or lab.specimen.job_id
    require(isinstance(found, Found) and found.ref["id"] == expected, f"{expected} is listed, and {in_words(found)}")
    known = await lab.provider.reconcile(submission, known_ids=frozenset({expected}))
    require(not isinstance(known, Found), f"another's is taken: {in_words(known)}")


async def anothers_is_left_alone(lab: Laboratory) -> None:
    """Another's job is not taken, and what is not listed yet, or was listed long ago, is not called absent."""
    window, listed = lab.provider.capabilities.reconcile_window, lab.specimen.listed
    if window is None or listed is None or "$TOKEN" not in str(listed):
        raise DoesNotApply("no list names whose a job is")
    lab.vendor.plays(changed(listed, "$TOKEN", ANOTHERS))
    for age in (timedelta(), window + timedelta(hours=1)):
        found = await lab.provider.reconcile(lab.submission(age=age), known_ids=NOBODYS)
        require(found is not Search.ABSENT and not isinstance(found, Found), f"after {age}: {in_words(found)}")


ALL: Final = (lost_is_looked_for, listed_is_found, anothers_is_left_alone)
