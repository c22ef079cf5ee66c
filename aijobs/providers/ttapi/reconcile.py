"""Finding a job whose submit got no response.

TTAPI lists jobs by their status, without hookUrl and without a time. Ours is identified by the hookUrl in
the response to a fetch, or by what only this submission put into its prompt: its seed, or a link with its token. The
rest of a prompt proves nothing: Midjourney shortens links and reorders switches. A job that is missing in the list
proves nothing either: it is not documented how complete the list is. In doubt the outcome stays unknown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from aijobs.domain.jobs.submissions import Submission
from aijobs.providers.ttapi.job import job_id_in
from aijobs.providers.ttapi.prompt import carries_seed, seed_of_token

WINDOW: Final = timedelta(hours=24)  #: how long it is searched; TTAPI keeps results for a month
STATUSES: Final = (
    "PENDING_QUEUE",
    "ON_QUEUE",
    "SUCCESS",
    "FAILED",
)  #: requested in the order in which jobs change status, so that no job is missed between two requests
PAGE: Final = 100  #: jobs, TTAPI's largest page
MAX_PAGES: Final = 5  #: for each status
MAX_FETCHES: Final = 30  #: jobs that are fetched one by one to see their hookUrl


@dataclass(frozen=True)
class ListedJob:
    """A job in the list."""

    id: str
    prompt: str
    action: str
    hook_url: str


def page_in(envelope: Mapping[str, Any]) -> list[Any] | None:
    """The items of a page: `data` itself, or the only list in it; None for another format."""
    data = envelope.get("data")
    if isinstance(data, list):
        return data
    inside = [part for part in data.values() if isinstance(part, list)] if isinstance(data, dict) else []
    return inside[0] if len(inside) == 1 else None


def listed_in(page: Iterable[Any]) -> list[ListedJob]:
    """The jobs of a page. The list has another format than a fetch: snake case, and numbers for statuses."""
    lines = [line for line in page if isinstance(line, dict)]
    return [
        ListedJob(
            job_id,
            prompt=str(line.get("prompt") or ""),
            action=str(line.get("action") or line.get("actions") or ""),
            hook_url=str(line.get("hookUrl") or line.get("hook_url") or ""),
        )
        for line in lines
        if (job_id := job_id_in(line))
    ]


@dataclass(frozen=True)
class Fingerprint:
    """What identifies a submission, even when its prompt was changed. `seed` is the one derived from the token."""

    hook_url: str | None
    seed: int | None
    token: str | None
    action: str

    @classmethod
    def of(cls, submission: Submission) -> "Fingerprint":
        body = submission.request.body
        prompt = str(body.get("prompt") or "")
        prompt_is_kept = not body.get("translation")
        seed = seed_of_token(submission.token)
        return cls(
            hook_url=body.get("hookUrl"),
            seed=seed if prompt_is_kept and carries_seed(prompt, seed) else None,
            token=submission.token if prompt_is_kept and submission.token in prompt else None,
            action=str(body.get("action") or "imagine"),
        )

    @property
    def is_usable(self) -> bool:
        return any(value is not None for value in (self.hook_url, self.seed, self.token))

    def match(self, jobs: Iterable[ListedJob]) -> str | None:
        """The id of the only matching job in the list. None when no job, or more than one, matches."""
        matching = {job.id for job in jobs if self._matches(job)}
        return matching.pop() if len(matching) == 1 else None

    def _matches(self, job: ListedJob) -> bool:
        if self.hook_url and job.hook_url:
            return job.hook_url == self.hook_url
        if self.seed is not None and carries_seed(job.prompt, self.seed):
            return True
        return self.token is not None and self.token in job.prompt

    def candidates(self, jobs: Sequence[ListedJob]) -> list[ListedJob]:
        """The jobs to fetch for their hookUrl, the likeliest first."""
        if self.hook_url is None:
            return []
        likely = sorted(jobs, key=lambda job: job.action != self.action)
        return likely[:MAX_FETCHES]
