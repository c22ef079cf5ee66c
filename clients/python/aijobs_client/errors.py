"""The errors of this client.

ClientError
├── NoKey              no key was given, and none is in the environment
├── Unreachable        the API does not respond, or its response broke off
├── ApiError           the API responded with an error
├── UnexpectedResponse the response is not what this client expects
├── DownloadBroken     the downloaded file differs from what the API says
├── WaitTimeout        the timeout of `wait` is over; the job continues
└── JobEndedBadly      the job has ended, without success
    ├── JobFailed
    ├── JobTimeout
    └── JobCanceled
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aijobs_client.models import Job, JobStatus


class ClientError(Exception):
    """Base class of all errors of this client. Invalid arguments raise ValueError instead."""


class NoKey(ClientError):
    """No key was given. The message says where a key may come from."""


class Unreachable(ClientError):
    """There was no complete response. If not `was_sent`, the API cannot have done anything."""

    def __init__(self, url: str, reason: str, *, was_sent: bool) -> None:
        super().__init__(f"{url} cannot be reached: {reason}.")
        self.reason = reason
        self.was_sent = was_sent


@dataclass(frozen=True)
class FieldProblem:
    """One invalid field, named by a JSON pointer into the request."""

    pointer: str
    message: str


class ApiError(ClientError):
    """An error response (RFC 9457). `code` is for programs; it is empty when the response is not the API's own.

    `errors` are the first invalid fields of `errors_total`. `retry_after` is in seconds.
    """

    def __init__(
        self,
        *,
        code: str,
        status: int,
        detail: str,
        errors: tuple[FieldProblem, ...] = (),
        errors_total: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        fields = "".join(f" {field.pointer}: {field.message}" for field in errors)
        where = f"{status} {code}".rstrip() + (f", request {request_id}" if request_id else "")
        super().__init__(f"{detail}{fields} ({where})")
        self.code = code
        self.status = status
        self.detail = detail
        self.errors = errors
        self.errors_total = len(errors) if errors_total is None else errors_total
        self.request_id = request_id
        self.retry_after = retry_after


class UnexpectedResponse(ClientError):
    """The response is not what this client expects. The message says what came."""


class DownloadBroken(ClientError):
    """Size or SHA-256 differ, or the link does not lead to the file. No file was kept."""


class WaitTimeout(ClientError):
    """The job has not ended yet, and continues."""

    def __init__(self, code: str, seconds: float) -> None:
        super().__init__(f"{code} did not end within {seconds:g} seconds; it goes on.")
        self.code = code


class JobEndedBadly(ClientError):
    """The job has ended without success. `job.error` says why."""

    def __init__(self, job: Job) -> None:
        reason = f": {job.error.message} ({job.error.stage}, {job.error.code})" if job.error else ""
        super().__init__(f"{job.code} is {job.job_status_name}{reason}")
        self.job = job


class JobFailed(JobEndedBadly):
    """The provider or the migration failed permanently."""


class JobTimeout(JobEndedBadly):
    """One of the job's own deadlines passed."""


class JobCanceled(JobEndedBadly):
    """The job was canceled."""


ERROR_OF: Final[Mapping[int, type[JobEndedBadly]]] = {
    JobStatus.FAILED: JobFailed,
    JobStatus.TIMEOUT: JobTimeout,
    JobStatus.CANCELED: JobCanceled,
}


def successful(job: Job) -> Job:
    """The job, if it is SUCCESS. Raises JobFailed, JobTimeout or JobCanceled."""
    if error := ERROR_OF.get(job.job_status):
        raise error(job)
    return job
