"""`AsyncClient`: for asyncio. Its surface is that of `Client`."""

import asyncio
import copy
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, Unpack

from aijobs_client import batches, operations
from aijobs_client.batches import Act, BatchOptions, ResultsFormat, Rows
from aijobs_client.call import Call, raise_api_error
from aijobs_client.downloads import destination_of, outputs_to_download, prepare_target, verified_file, whole_file
from aijobs_client.errors import ClientError, WaitTimeout, successful
from aijobs_client.http import NO_AUTH, AsyncHttpTransport
from aijobs_client.job_stream import OK, JobEventStream, OnLost
from aijobs_client.models import Batch, BatchItem, File, Job, JobEvent, Model, Output, Page, Points
from aijobs_client.operations import JobOptions, JobsFilter
from aijobs_client.resources.history import AsyncHistory
from aijobs_client.resources.photos import AsyncPhotos
from aijobs_client.resources.templates import AsyncTemplates
from aijobs_client.resources.user_data import AsyncUserData
from aijobs_client.resources.webhooks import AsyncWebhooks
from aijobs_client.retries import Retrying, is_transient
from aijobs_client.target import Target

T = TypeVar("T")


class AsyncClient(AsyncHistory, AsyncPhotos, AsyncTemplates, AsyncUserData, AsyncWebhooks):
    """Speaks to the API at `url` with `key`; with a service key, for the end user `user`.

    Transient errors (no connection, 429, 502, 503, 504) are retried for `retry_for` seconds where a second request is
    safe, and for `reconnect_for` seconds while a job's events are read. Every method may raise Unreachable, ApiError
    and UnexpectedResponse.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        key: str | None = None,
        user: str | None = None,
        retry_for: float = 15.0,
        reconnect_for: float = 120.0,
    ) -> None:
        self._target = Target.resolve(url=url, key=key, user=user)
        self._retry_for = retry_for
        self._reconnect_for = reconnect_for
        self._transport = AsyncHttpTransport(self._target.url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections, also those of the clients that `for_user` made."""
        await self._transport.close()

    def for_user(self, user: str) -> Self:
        """The same client, and the same connections, for another end user."""
        other = copy.copy(self)
        other._target = self._target.for_user(user)
        return other

    async def submit(
        self,
        model_id: str,
        params: Mapping[str, Any],
        *,
        output_count: int = 1,
        idempotency_key: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Job:
        """Submit a job. With an `idempotency_key` of your own, another process may also repeat the call safely.

        `options`: `action`, `metadata`, `callback_url`, `priority`; `start_at`, before which it is not sent, and
        `expires_at`, by which it must have started, or is canceled. Raises ValueError for a time without a zone.
        """
        call = operations.submit(
            model_id, params, output_count=output_count, idempotency_key=idempotency_key, options=options
        )
        return await self._send(call)

    async def wait(
        self,
        code: str,
        *,
        timeout: float | None = None,
        on_event: Callable[[JobEvent], Awaitable[None] | None] | None = None,
    ) -> Job:
        """The job, once it is SUCCESS; each event of its history goes to `on_event` first.

        Raises JobFailed, JobTimeout or JobCanceled with the `job`, and WaitTimeout after `timeout` seconds.
        """
        try:
            async with asyncio.timeout(timeout) as limit:
                async with aclosing(self.events(code)) as events:
                    async for event in events:
                        if on_event is not None and (awaitable := on_event(event)) is not None:
                            await awaitable
                job = await self._send(operations.job(code), retry_for=self._reconnect_for)
        except TimeoutError as late:
            if not limit.expired():
                raise
            raise WaitTimeout(code, timeout or 0.0) from late
        return successful(job)

    async def events(self, code: str, *, after: int = 0, on_lost: OnLost | None = None) -> AsyncGenerator[JobEvent]:
        """Every event with `seq` above `after`, once and in order, as it happens, until the job has ended.

        `on_lost` is called with the error of each lost connection, before the next one is tried.
        """
        stream = JobEventStream(code, after=after, retry_for=self._reconnect_for)
        while True:
            try:
                async with aclosing(self._read_connection(stream)) as events:
                    async for event in events:
                        yield event
            except ClientError as error:
                stream.connection_lost(error)
                if on_lost is not None and not stream.is_over:
                    on_lost(error)
            if stream.is_over:
                return
            await asyncio.sleep(stream.pause)

    async def job(self, code: str, *, exchange: bool = False) -> Job:
        """With `exchange`, also the requests to the provider and its responses."""
        return await self._send(operations.job(code, exchange=exchange))

    async def jobs(
        self,
        *,
        status: Iterable[str] = (),
        model: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
    ) -> AsyncIterator[Job]:
        """Newest first; the next page is fetched when it is needed. `status`: names. Times need a time zone."""
        filters = JobsFilter(
            status=tuple(status), model=model, created_after=created_after, created_before=created_before
        )
        async for job in self._pages(lambda cursor: operations.jobs(filters, cursor)):
            yield job

    async def cancel(self, code: str, *, reason: str | None = None) -> Job:
        """Request the cancellation. The job is CANCELED a little later, unless it ends in another way first."""
        return await self._send(operations.cancel(code, reason=reason))

    async def rerun(
        self, code: str, *, start: Literal["start", "migration"] = "start", idempotency_key: str | None = None
    ) -> Job:
        """A new job: from the `start`, charged again, or only the migration of the finished results, free."""
        return await self._send(operations.rerun(code, start=start, idempotency_key=idempotency_key))

    async def upload(self, path: Path | str, *, idempotency_key: str | None = None) -> File:
        """Upload a file; a job's parameter refers to it by its `code`. Raises OSError when it cannot be read."""
        return await self._send(operations.upload(Path(path), idempotency_key=idempotency_key))

    async def download(self, what: Job | Output, to: Path | str) -> list[Path]:
        """Save the outputs: in the directory `to`, or, if there is only one, as the file `to`.

        `"results/"` is created when it does not exist. A file appears only after its size and SHA-256 were checked.
        Raises DownloadBroken, OSError, and ValueError when there is nothing to download.
        """
        target_path = prepare_target(to)
        return [await self._download(output, target_path) for output in outputs_to_download(what, target_path)]

    async def submit_batch(
        self, model_id: str, rows: Rows, *, idempotency_key: str | None = None, **options: Unpack[BatchOptions]
    ) -> Batch:
        """Submit many jobs at once: a file of CSV or JSON Lines, or rows as they come. See BatchOptions.

        Raises ApiError that names each wrong row; then nothing was accepted.
        """
        with batches.rows_file(rows) as file:
            return await self._send(batches.submit(model_id, file, idempotency_key=idempotency_key, options=options))

    async def batch(self, code: str) -> Batch:
        """How a batch stands."""
        return await self._send(batches.batch(code))

    async def batches(self) -> AsyncIterator[Batch]:
        """Newest first."""
        async for batch in self._pages(batches.batches):
            yield batch

    async def batch_items(self, code: str, *, status: Iterable[str] = ()) -> AsyncIterator[BatchItem]:
        """The rows in their order. `status`: names."""
        names = tuple(status)
        async for item in self._pages(lambda cursor: batches.items(code, names, cursor)):
            yield item

    async def steer_batch(self, code: str, act: Act) -> Batch:
        """Pause, resume or cancel it, or rerun what failed."""
        await self._send(batches.steer(code, act))
        return await self.batch(code)

    async def save_results(self, code: str, to: Path | str, *, format: ResultsFormat = "zip") -> Path:  # noqa: A002
        """Save a batch's results as one file. Raises OSError."""
        return await self._save(batches.results(code, format), to)

    async def _save(self, call: Call[None], to: Path | str) -> Path:
        path = Path(to)

        async def attempt() -> Path:
            async with self._transport.stream(call, self._target.auth_headers) as response:
                if response.status != OK:
                    raise_api_error(await response.read())
                with whole_file(path) as file:
                    async for chunk in response.chunks:
                        await asyncio.to_thread(file.write, chunk)
            return path

        return await self._with_retries(attempt, call.may_retry)

    async def _pages(self, call: Callable[[str | None], Call[Page[T]]]) -> AsyncIterator[T]:
        """What a list has, page by page."""
        cursor: str | None = None
        while True:
            page = await self._send(call(cursor))
            for entry in page.data:
                yield entry
            cursor = page.next_cursor
            if not page.has_more or cursor is None:
                return

    async def models(self) -> list[Model]:
        """The whole catalogue, also models that are not configured."""
        return (await self._send(operations.models())).data

    async def points(self) -> Points:
        """The user's points of today."""
        return await self._send(operations.points())

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """The API's JSON, for endpoints without a method here. Retried only if it is a GET or has a key."""
        call = operations.custom(method, path, query=query or {}, body=body, idempotency_key=idempotency_key)
        return await self._send(call)

    async def _send(self, call: Call[T], *, retry_for: float | None = None) -> T:
        async def attempt() -> T:
            async with self._transport.stream(call, self._target.auth_headers) as response:
                return call.result_from(await response.read())

        return await self._with_retries(attempt, call.may_retry, retry_for)

    async def _with_retries(
        self,
        attempt: Callable[[], Awaitable[T]],
        may_retry: Callable[[ClientError], bool],
        retry_for: float | None = None,
    ) -> T:
        retrying = Retrying(self._retry_for if retry_for is None else retry_for)
        while True:
            try:
                return await attempt()
            except ClientError as error:
                if not may_retry(error):
                    raise
                pause = retrying.pause_after(error)
            await asyncio.sleep(pause)

    async def _read_connection(self, stream: JobEventStream) -> AsyncGenerator[JobEvent]:
        """The new events of one connection."""
        async with self._transport.stream(stream.call(), self._target.auth_headers) as response:
            if response.status != OK:
                stream.handle_other_response(await response.read())
                return
            async for chunk in response.chunks:
                for event in stream.feed(chunk):
                    yield event
                if stream.is_over:
                    return

    async def _download(self, output: Output, to: Path) -> Path:
        async def attempt() -> Path:
            link = await self._send(operations.link(output))
            destination = await asyncio.to_thread(destination_of, output, link, to)
            async with self._transport.stream(operations.follow_link(link), NO_AUTH) as response:
                if response.status != OK:
                    raise_api_error(await response.read())
                with verified_file(output, destination) as file:
                    async for chunk in response.chunks:
                        await asyncio.to_thread(file.write, chunk)
            return destination

        return await self._with_retries(attempt, is_transient)
