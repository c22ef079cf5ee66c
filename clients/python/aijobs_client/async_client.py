"""`AsyncClient`: for asyncio. Its surface is that of `Client`."""

import asyncio
import copy
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from aijobs_client import operations
from aijobs_client.downloads import goal_of, landing, prepared, wanted_outputs
from aijobs_client.errors import ClientError, WaitTimeout, successful
from aijobs_client.http import NOBODY, AsyncLine
from aijobs_client.job_stream import STREAM, Following, OnLost
from aijobs_client.models import File, Job, JobEvent, Model, Output, Points
from aijobs_client.operations import JobsWanted
from aijobs_client.request import Call, refuse
from aijobs_client.retries import Retrying, is_passing
from aijobs_client.target import Target

T = TypeVar("T")


class AsyncClient:
    """Speaks to the API at `url` with `key`; with a service key, for the end user `user`.

    Trouble that passes (no connection, 429, 502, 503, 504) is waited out for `retry_for` seconds where a repetition
    does no harm, and for `reconnect_for` seconds while a job is followed. Every method may raise Unreachable, ApiError
    and NotUnderstood.
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
        self._target = Target.found(url=url, key=key, user=user)
        self._retry_for = retry_for
        self._reconnect_for = reconnect_for
        self._line = AsyncLine(self._target.url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Also for those that `for_user` made."""
        await self._line.close()

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
        action: str | None = None,
        metadata: Mapping[str, str] | None = None,
        callback_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Hand in a job. With an `idempotency_key` of your own, also another process may hand it in again safely."""
        return await self._ask(
            operations.submit(
                model_id,
                params,
                output_count=output_count,
                action=action,
                metadata=metadata,
                callback_url=callback_url,
                idempotency_key=idempotency_key,
            )
        )

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
                        if on_event is not None and (told := on_event(event)) is not None:
                            await told
                job = await self._ask(operations.job(code), patience=self._reconnect_for)
        except TimeoutError as late:
            if not limit.expired():
                raise
            raise WaitTimeout(code, timeout or 0.0) from late
        return successful(job)

    async def events(self, code: str, *, after: int = 0, on_lost: OnLost | None = None) -> AsyncGenerator[JobEvent]:
        """Every event with a number above `after`, once and in order, as it happens, until the job's end.

        `on_lost` hears of each interruption that is being waited out.
        """
        following = Following(code, after=after, patience=self._reconnect_for)
        while True:
            try:
                async with aclosing(self._heard(following)) as heard:
                    async for event in heard:
                        yield event
            except ClientError as trouble:
                following.lost(trouble)
                if on_lost is not None and not following.is_over:
                    on_lost(trouble)
            if following.is_over:
                return
            await asyncio.sleep(following.pause)

    async def job(self, code: str, *, exchange: bool = False) -> Job:
        """With its `exchange`, also what the provider was sent and said."""
        return await self._ask(operations.job(code, exchange=exchange))

    async def jobs(
        self,
        *,
        status: Iterable[str] = (),
        model: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
    ) -> AsyncIterator[Job]:
        """Newest first, page by page as they are taken. `status` has names, times have zones."""
        wanted = JobsWanted(
            status=tuple(status), model=model, created_after=created_after, created_before=created_before
        )
        cursor: str | None = None
        while True:
            page = await self._ask(operations.jobs(wanted, cursor))
            for job in page.data:
                yield job
            cursor = page.next_cursor
            if not page.has_more or cursor is None:
                return

    async def cancel(self, code: str, *, reason: str | None = None) -> Job:
        """Ask for the job's end. It is CANCELED a little later, unless it ends otherwise before."""
        return await self._ask(operations.cancel(code, reason=reason))

    async def rerun(
        self, code: str, *, start: Literal["start", "migration"] = "start", idempotency_key: str | None = None
    ) -> Job:
        """A new job: from the `start`, charged anew, or only moving the finished results again, free."""
        return await self._ask(operations.rerun(code, start=start, idempotency_key=idempotency_key))

    async def upload(self, path: Path | str, *, idempotency_key: str | None = None) -> File:
        """Hand in a file; a parameter names it by the `code`. Raises OSError when it cannot be read."""
        return await self._ask(operations.upload(Path(path), idempotency_key=idempotency_key))

    async def download(self, what: Job | Output, to: Path | str) -> list[Path]:
        """The outputs as files: in the directory `to`, or, if there is but one, at `to` itself.

        `"results/"` is a directory also if it is not there yet. Size and SHA-256 are checked before a file appears.
        Raises DownloadBroken, OSError, and ValueError when there is nothing to download.
        """
        place = prepared(to)
        return [await self._download(output, place) for output in wanted_outputs(what, place)]

    async def models(self) -> list[Model]:
        """The catalogue, with what is not configured there."""
        return (await self._ask(operations.models())).data

    async def points(self) -> Points:
        """Today's, of the user."""
        return await self._ask(operations.points())

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """The JSON that the API answers, for what has no method here. Tried again only if it is a GET or has a key."""
        return await self._ask(
            operations.anything(method, path, query=query or {}, body=body, idempotency_key=idempotency_key)
        )

    async def _ask(self, call: Call[T], *, patience: float | None = None) -> T:
        async def answered() -> T:
            async with self._line.opened(call, self._target.identity) as answer:
                return call.answered(await answer.whole())

        return await self._tried(answered, call.may_follow, patience)

    async def _tried(
        self,
        work: Callable[[], Awaitable[T]],
        may_follow: Callable[[ClientError], bool],
        patience: float | None = None,
    ) -> T:
        retrying = Retrying(self._retry_for if patience is None else patience)
        while True:
            try:
                return await work()
            except ClientError as trouble:
                if not may_follow(trouble):
                    raise
                pause = retrying.pause_after(trouble)
            await asyncio.sleep(pause)

    async def _heard(self, following: Following) -> AsyncGenerator[JobEvent]:
        """What comes over one connection."""
        async with self._line.opened(following.call(), self._target.identity) as answer:
            if answer.status != STREAM:
                following.refused(await answer.whole())
                return
            async for chunk in answer.chunks:
                for event in following.heard(chunk):
                    yield event
                if following.is_over:
                    return

    async def _download(self, output: Output, to: Path) -> Path:
        async def fetched() -> Path:
            link = await self._ask(operations.link(output))
            goal = await asyncio.to_thread(goal_of, output, link, to)
            async with self._line.opened(operations.linked(link), NOBODY) as answer:
                if answer.status != STREAM:
                    refuse(await answer.whole())
                with landing(output, goal) as file:
                    async for chunk in answer.chunks:
                        await asyncio.to_thread(file.write, chunk)
            return goal

        return await self._tried(fetched, is_passing)
