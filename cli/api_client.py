"""The API client of the command line: it wraps the client that applications use."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from aijobs_client import ApiError, AsyncClient, ClientError, Unreachable
from aijobs_client.batches import BatchOptions, ResultsFormat

from aijobs.domain.jobs.events import JobEvent
from cli.errors import CommandError, Exit

Document = dict[str, Any]

#: After so long without a connection, following a job ends with an error.
RECONNECT_TIMEOUT: Final = timedelta(minutes=2)
#: Responses of a gateway whose API does not respond.
GATEWAY_STATUSES: Final = frozenset(
    {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
)


def api_path(*names: str) -> str:
    """`/api/jobs/job_1/cancel` of `jobs`, `job_1` and `cancel`: whatever a name is, it stays within its place."""
    return "/".join(("/api", *(quote(name, safe="") for name in names)))


class ApiClient:
    """Each method raises CommandError with the message of the API's problem. Nothing is retried but `events`."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def get(self, path: str, query: Mapping[str, Any] | None = None) -> Document:
        return await self._request("GET", path, query=query)

    async def post(self, path: str, body: Document, *, idempotency_key: str | None = None) -> Document:
        return await self._request("POST", path, body=body, idempotency_key=idempotency_key)

    async def put(self, path: str, body: Document) -> Document:
        return await self._request("PUT", path, body=body)

    async def delete(self, path: str) -> None:
        with _client_errors_as_command_errors():
            await self._client.request("DELETE", path)

    async def upload(self, path: Path, *, idempotency_key: str | None = None) -> Document:
        """Upload a file. A job's parameter may then refer to it by the `code` in the response."""
        with _client_errors_as_command_errors():
            try:
                return (await self._client.upload(path, idempotency_key=idempotency_key)).model_dump(mode="json")
            except OSError as unreadable:
                raise CommandError(f"{path} cannot be read: {unreadable.strerror}.") from unreadable

    async def submit_batch(
        self, model: str, rows: Path, head: Mapping[str, Any], *, idempotency_key: str | None
    ) -> Document:
        """Submit a batch of a file's rows."""
        with _client_errors_as_command_errors():
            options = BatchOptions(**head)  # type: ignore[typeddict-item]  # times as they are written
            batch = await self._client.submit_batch(model, rows, idempotency_key=idempotency_key, **options)
            return batch.model_dump(mode="json")

    async def save_results(self, code: str, path: Path, format: ResultsFormat) -> None:  # noqa: A002
        """Save a batch's results as one file."""
        with _client_errors_as_command_errors():
            try:
                await self._client.save_results(code, path, format=format)
            except OSError as unwritable:
                raise CommandError(f"{path} cannot be written: {unwritable.strerror}.") from unwritable

    async def export_user(self, user: str, path: Path) -> None:
        """Save all that is kept of a user as one file."""
        with _client_errors_as_command_errors():
            try:
                await self._client.export_user(user, path)
            except OSError as unwritable:
                raise CommandError(f"{path} cannot be written: {unwritable.strerror}.") from unwritable

    async def erase_user(self, user: str) -> Document:
        with _client_errors_as_command_errors():
            return (await self._client.erase_user(user)).model_dump(mode="json")

    async def download(self, code: str, folder: Path) -> list[Path]:
        """Save a job's outputs in a folder, which is made if need be, each checked."""
        with _client_errors_as_command_errors():
            job = await self._client.job(code)
            if not job.outputs:
                raise CommandError(f"{code} has no outputs.", hint=f"It is {job.job_status_name}: aijobs show {code}")
            try:
                await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
                return await self._client.download(job, folder)
            except OSError as unwritable:
                raise CommandError(f"{folder} cannot be written: {unwritable.strerror}.") from unwritable

    async def events(
        self, code: str, *, after: int, on_lost: Callable[[str], None] | None = None
    ) -> AsyncIterator[JobEvent]:
        """The events with `seq` above `after`, until the job's end. `on_lost` is called with each interruption."""

        def report_lost(error: ClientError) -> None:
            if on_lost is not None:
                on_lost(str(to_command_error(error)))

        with _client_errors_as_command_errors():
            async for event in self._client.events(code, after=after, on_lost=report_lost):
                yield JobEvent.model_validate(event.model_dump())

    async def history(self, code: str) -> list[JobEvent]:
        """The events of a job so far."""
        with _client_errors_as_command_errors():
            return [JobEvent.model_validate(event.model_dump()) for event in await self._client.history(code)]

    async def patch(self, path: str, body: Document) -> Document:
        return await self._request("PATCH", path, body=body)

    async def _request(self, method: str, path: str, **kwargs: Any) -> Document:
        with _client_errors_as_command_errors():
            document: Document = await self._client.request(method, path, **kwargs)
        return document


@asynccontextmanager
async def opened_api_client(*, url: str, key: str, user: str | None = None) -> AsyncIterator[ApiClient]:
    """A client of the API at `url`; with a service key, on behalf of `user`. Raises CommandError."""
    try:
        client = AsyncClient(
            url=url, key=key, user=user, retry_for=0.0, reconnect_for=RECONNECT_TIMEOUT.total_seconds()
        )
    except ValueError as invalid:
        raise CommandError(f"The API cannot be asked: {str(invalid).rstrip('.')}.") from invalid
    async with client:
        yield ApiClient(client)


def to_command_error(error: ClientError) -> CommandError:
    """The error as the command line reports it, with its exit code."""
    match error:
        case Unreachable():
            return _unreachable(str(error))
        case ApiError(code="", status=status) if status in GATEWAY_STATUSES:
            return _unreachable(f"The API cannot be reached: a gateway answered {status}.")
        case ApiError():
            return CommandError(
                error.detail,
                details=tuple(_details(error)),
                hint=_hint(error),
                code=Exit.NOT_FOUND if error.status == HTTPStatus.NOT_FOUND else Exit.ERROR,
            )
    return CommandError(str(error))


def _details(error: ApiError) -> Iterator[str]:
    yield from (f"{field.pointer or '/'}: {field.message}" for field in error.errors)
    if more := error.errors_total - len(error.errors):
        yield f"and {more} more"


def _unreachable(message: str) -> CommandError:
    return CommandError(message, hint="`aijobs up` starts one here; --url names another.", code=Exit.UNREACHABLE)


def _hint(error: ApiError) -> str:
    if error.status == HTTPStatus.UNAUTHORIZED:
        return "The key comes from --key, AIJOBS_CLI__KEY, or the file `key` in the data directory."
    code = error.code or str(error.status)
    return f"{code} · request {error.request_id}" if error.request_id else code


@contextmanager
def _client_errors_as_command_errors() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise to_command_error(error) from error
