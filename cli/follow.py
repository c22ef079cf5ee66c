"""Follow a job to its end, over every lost connection."""

from typing import Final

from aijobs.domain.lifecycle import JobStatus
from cli.api_client import ApiClient, Document
from cli.errors import Exit
from cli.progress_view import ProgressView

EXIT_OF: Final = {
    JobStatus.SUCCESS: Exit.SUCCESS,
    JobStatus.FAILED: Exit.FAILED,
    JobStatus.TIMEOUT: Exit.TIMEOUT,
    JobStatus.CANCELED: Exit.CANCELED,
}


async def follow(api: ApiClient, code: str, view: ProgressView) -> Document:
    """Show every event until the job has ended; returns the job.

    Raises CommandError when the job does not exist, and when the API cannot be reached at first or for too long.
    """
    await api.get(f"/api/jobs/{code}")  # fails at once when the API cannot be reached
    async for event in api.events(code, after=0, on_lost=view.connection_lost):
        view.show_event(event)
    return await api.get(f"/api/jobs/{code}")
