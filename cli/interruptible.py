"""Follow a job to its end, over every interruption of the line."""

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


async def follow(api: ApiClient, code: str, story: ProgressView) -> Document:
    """Tell the story to its end; the job as it then stands.

    Raises CommandError when there is no such job, and when the API is not there or stays away.
    """
    await api.get(f"/api/jobs/{code}")  # an API that never was there is not waited for
    async for event in api.events(code, after=0, on_lost=story.lost):
        story.tell(event)
    return await api.get(f"/api/jobs/{code}")
