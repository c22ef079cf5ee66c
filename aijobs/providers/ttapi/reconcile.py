"""Looking for a job whose submit was never answered.

TTAPI lists jobs by their status, without hookUrl and without a time. Ours is proven by the hookUrl that a fetch
echoes, or by what only this submission planted in its prompt: its seed, or a link with its token. The rest of a prompt
proves nothing: Midjourney shortens links and reorders switches. That a list lacks a job proves nothing either: nobody
has written down how complete it is. And what could be another's stays unknown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from aijobs.domain.jobs.submissions import Submission
from aijobs.providers.ttapi.job import job_id_in
from aijobs.providers.ttapi.prompt import carries_seed, planted_seed

WINDOW: Final = timedelta(hours=24)  #: how long it is looked for; TTAPI keeps results for a month
STATUSES: Final = (
    "PENDING_QUEUE",
    "ON_QUEUE",
    "SUCCESS",
    "FAILED",
)  #: asked one by one, in the order in which jobs move on, so that none slips through between two questions
PAGE: Final = 100  #: jobs, the most that TTAPI gives at once
MAX_PAGES: Final = 5  #: for each status
MAX_LOOKS: Final = 30  #: jobs that are fetched one by one to see their hookUrl


@dataclass(frozen=True)
class Listed:
    """A line of the list."""

    id: str
    prompt: str
    action: str
    hook_url: str


def page_in(envelope: Mapping[str, Any]) -> list[Any] | None:
    """The lines of a page: `data` itself, or the only list in it."""
    data = envelope.get("data")
    if isinstance(data, list):
        return data
    inside = [part for part in data.values() if isinstance(part, list)] if isinstance(data, dict) else []
    return inside[0] if len(inside) == 1 else None


def listed_in(page: Iterable[Any]) -> list[Listed]:
    """The jobs of a page. The list has a dialect of its own: snake case, and numbers for statuses."""
    lines = [line for line in page if isinstance(line, dict)]
    return [
        Listed(
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
    """What a submission can be recognised by, whatever else becomes of its prompt. `seed` is the planted one."""

    hook_url: str | None
    seed: int | None
    token: str | None
    action: str

    @classmethod
    def of(cls, submission: Submission) -> "Fingerprint":
        body = submission.request.body
        prompt = str(body.get("prompt") or "")
        echoed = not body.get("translation")
        seed = planted_seed(submission.token)
        return cls(
            hook_url=body.get("hookUrl"),
            seed=seed if echoed and carries_seed(prompt, seed) else None,
            token=submission.token if echoed and submission.token in prompt else None,
            action=str(body.get("action") or "imagine"),
        )

    @property
    def lead_anywhere(self) -> bool:
        return any(clue is not None for clue in (self.hook_url, self.seed, self.token))

    def proven(self, jobs: Iterable[Listed]) -> str | None:
        """The id of the job that the list alone proves to be ours. Two that look alike prove nothing."""
        fitting = {job.id for job in jobs if self._fits(job)}
        return fitting.pop() if len(fitting) == 1 else None

    def _fits(self, job: Listed) -> bool:
        if self.hook_url and job.hook_url:
            return job.hook_url == self.hook_url
        if self.seed is not None and carries_seed(job.prompt, self.seed):
            return True
        return self.token is not None and self.token in job.prompt

    def worth_a_look(self, jobs: Sequence[Listed]) -> list[Listed]:
        """Whose hookUrl to look at, the likeliest first."""
        if self.hook_url is None:
            return []
        likely = sorted(jobs, key=lambda job: job.action != self.action)
        return likely[:MAX_LOOKS]
