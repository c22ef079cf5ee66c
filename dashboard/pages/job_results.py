"""Why a job has no results, and whether there are some at its provider."""

from dataclasses import dataclass
from datetime import datetime

from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Capabilities
from aijobs.persistence.tables import JobRow


@dataclass(frozen=True, kw_only=True)
class MissingResults:
    """`why` is the key of a message. `links_die_at`: about, of results that wait at the provider."""

    why: str
    is_at_provider: bool = False
    links_die_at: datetime | None = None
    is_over: bool = False


def missing_results(
    job: JobRow, capabilities: Capabilities | None, *, count: int, is_held: bool, at: datetime
) -> MissingResults | None:
    """None while a job may still bring results, and when it has ended well. `count`: the results in our store."""
    if not job.job_status.is_final or job.job_status is JobStatus.SUCCESS:
        return None
    if job.generated_at is not None and job.asyn:
        lifetime = capabilities.link_lifetime if capabilities else None
        dies_at = job.generated_at + lifetime if lifetime else None
        return MissingResults(
            why="results.some_moved" if count else "results.not_moved",
            is_at_provider=True,
            links_die_at=dies_at,
            is_over=dies_at is not None and dies_at <= at,
        )
    if count:
        return None
    if is_held:
        return MissingResults(why="results.nobody_knows")
    return MissingResults(why=f"results.{job.job_status.name.lower()}")
