"""What can go wrong.

ClientError
├── NoKey            no key was given, and none is in the environment
├── Unreachable      the API does not answer, or its answer broke off
├── ApiError         the API refused
├── NotUnderstood    what came is not what this client knows
├── DownloadBroken   what was downloaded is not what the API says it is
├── WaitTimeout      the patience of `wait` is over; the job goes on
└── JobEndedBadly    the job is at its end, without a result
    ├── JobFailed
    ├── JobTimeout
    └── JobCanceled
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aijobs_client.models import Job, JobStatus


class ClientError(Exception):
    """Everything that this client raises by itself, but for what is wrong with its arguments: that is ValueError."""


class NoKey(ClientError):
    """The text says where a key may come from."""


class Unreachable(ClientError):
    """No whole answer came. Unless something `was_sent`, the API cannot have done anything."""

    def __init__(self, url: str, reason: str, *, was_sent: bool) -> None:
        super().__init__(f"{url} cannot be reached: {reason}.")
        self.reason = reason
        self.was_sent = was_sent


@dataclass(frozen=True)
class FieldProblem:
    """One wrong field, named by a JSON pointer into the request."""

    pointer: str
    message: str


class ApiError(ClientError):
    """The API refused (RFC 9457). `code` is for programs, and empty where something else than the API answered.

    `retry_after` is in seconds.
    """

    def __init__(
        self,
        *,
        code: str,
        status: int,
        detail: str,
        errors: tuple[FieldProblem, ...] = (),
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        fields = "".join(f" {wrong.pointer}: {wrong.message}" for wrong in errors)
        where = f"{status} {code}".rstrip() + (f", request {request_id}" if request_id else "")
        super().__init__(f"{detail}{fields} ({where})")
        self.code = code
        self.status = status
        self.detail = detail
        self.errors = errors
        self.request_id = request_id
        self.retry_after = retry_after


class NotUnderstood(ClientError):
    """The text says what came."""


class DownloadBroken(ClientError):
    """Size or SHA-256 differ, or the link does not lead to the file. Nothing was left on the disk."""


class WaitTimeout(ClientError):
    """The job is not at its end yet, and goes on."""

    def __init__(self, code: str, seconds: float) -> None:
        super().__init__(f"{code} did not end within {seconds:g} seconds; it goes on.")
        self.code = code


class JobEndedBadly(ClientError):
    """The `job` as it stands, with its reason in `job.error`."""

    def __init__(self, job: Job) -> None:
        reason = f": {job.error.message} ({job.error.stage}, {job.error.code})" if job.error else ""
        super().__init__(f"{job.code} is {job.job_status_name}{reason}")
        self.job = job


class JobFailed(JobEndedBadly):
    """The provider, or the way to our store, failed for good."""


class JobTimeout(JobEndedBadly):
    """One of the job's own deadlines passed."""


class JobCanceled(JobEndedBadly):
    """Somebody asked for its end."""


ERROR_OF: Final[Mapping[int, type[JobEndedBadly]]] = {
    JobStatus.FAILED: JobFailed,
    JobStatus.TIMEOUT: JobTimeout,
    JobStatus.CANCELED: JobCanceled,
}


def successful(job: Job) -> Job:
    """The job, which has ended. Raises JobFailed, JobTimeout or JobCanceled."""
    if bad_end := ERROR_OF.get(job.job_status):
        raise bad_end(job)
    return job
