"""`Client`: for threads."""

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from aijobs_client import operations
from aijobs_client.downloads import goal_of, landing, prepared, wanted_outputs
from aijobs_client.errors import ClientError, successful
from aijobs_client.http import NOBODY, Line
from aijobs_client.job_stream import STREAM, Deadline, Following, OnLost
from aijobs_client.models import File, Job, JobEvent, Model, Output, Points
from aijobs_client.operations import JobsWanted
from aijobs_client.request import Call, refuse
from aijobs_client.retries import Retrying, is_passing
from aijobs_client.target import Target

T = TypeVar("T")


class Client:
    """Speaks to the API at `url` with `key`; with a service key, for the end user `user`.

    Trouble that passes (no connection, 429, 502, 503, 504) is waited out for `retry_for` seconds where a repetition
    does no harm, and for `reconnect_for` seconds while a job is followed. Every method may raise Unreachable, ApiError
    and NotUnderstood. Threads may share a client.
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
        self._line = Line(self._target.url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Also for those that `for_user` made."""
        self._line.close()

    def for_user(self, user: str) -> Self:
        """The same client, and the same connections, for another end user."""
        other = copy.copy(self)
        other._target = self._target.for_user(user)
        return other

    def submit(
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
        return self._ask(
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

    def wait(
        self, code: str, *, timeout: float | None = None, on_event: Callable[[JobEvent], object] | None = None
    ) -> Job:
        """The job, once it is SUCCESS; each event of its history goes to `on_event` first.

        Raises JobFailed, JobTimeout or JobCanceled with the `job`, and WaitTimeout after `timeout` seconds.
        """
        deadline = Deadline(code, timeout)
        for event in self._follow(code, after=0, deadline=deadline, on_lost=None):
            if on_event is not None:
                on_event(event)
        return successful(self._ask(operations.job(code), patience=deadline.at_most(self._reconnect_for)))

    def events(self, code: str, *, after: int = 0, on_lost: OnLost | None = None) -> Iterator[JobEvent]:
        """Every event with a number above `after`, once and in order, as it happens, until the job's end.

        `on_lost` hears of each interruption that is being waited out.
        """
        return self._follow(code, after=after, deadline=Deadline(code, None), on_lost=on_lost)

    def job(self, code: str, *, exchange: bool = False) -> Job:
        """With its `exchange`, also what the provider was sent and said."""
        return self._ask(operations.job(code, exchange=exchange))

    def jobs(
        self,
        *,
        status: Iterable[str] = (),
        model: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
    ) -> Iterator[Job]:
        """Newest first, page by page as they are taken. `status` has names, times have zones."""
        wanted = JobsWanted(
            status=tuple(status), model=model, created_after=created_after, created_before=created_before
        )
        cursor: str | None = None
        while True:
            page = self._ask(operations.jobs(wanted, cursor))
            yield from page.data
            cursor = page.next_cursor
            if not page.has_more or cursor is None:
                return

    def cancel(self, code: str, *, reason: str | None = None) -> Job:
        """Ask for the job's end. It is CANCELED a little later, unless it ends otherwise before."""
        return self._ask(operations.cancel(code, reason=reason))

    def rerun(
        self, code: str, *, start: Literal["start", "migration"] = "start", idempotency_key: str | None = None
    ) -> Job:
        """A new job: from the `start`, charged anew, or only moving the finished results again, free."""
        return self._ask(operations.rerun(code, start=start, idempotency_key=idempotency_key))

    def upload(self, path: Path | str, *, idempotency_key: str | None = None) -> File:
        """Hand in a file; a parameter names it by the `code`. Raises OSError when it cannot be read."""
        return self._ask(operations.upload(Path(path), idempotency_key=idempotency_key))

    def download(self, what: Job | Output, to: Path | str) -> list[Path]:
        """The outputs as files: in the directory `to`, or, if there is but one, at `to` itself.

        `"results/"` is a directory also if it is not there yet. Size and SHA-256 are checked before a file appears.
        Raises DownloadBroken, OSError, and ValueError when there is nothing to download.
        """
        place = prepared(to)
        return [self._download(output, place) for output in wanted_outputs(what, place)]

    def models(self) -> list[Model]:
        """The catalogue, with what is not configured there."""
        return self._ask(operations.models()).data

    def points(self) -> Points:
        """Today's, of the user."""
        return self._ask(operations.points())

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """The JSON that the API answers, for what has no method here. Tried again only if it is a GET or has a key."""
        call = operations.anything(method, path, query=query or {}, body=body, idempotency_key=idempotency_key)
        return self._ask(call)

    def _ask(self, call: Call[T], *, patience: float | None = None) -> T:
        def answered() -> T:
            with self._line.opened(call, self._target.identity) as answer:
                return call.answered(answer.whole())

        return self._tried(answered, call.may_follow, patience)

    def _tried(
        self, work: Callable[[], T], may_follow: Callable[[ClientError], bool], patience: float | None = None
    ) -> T:
        retrying = Retrying(self._retry_for if patience is None else patience)
        while True:
            try:
                return work()
            except ClientError as trouble:
                if not may_follow(trouble):
                    raise
                pause = retrying.pause_after(trouble)
            time.sleep(pause)

    def _follow(self, code: str, *, after: int, deadline: Deadline, on_lost: OnLost | None) -> Iterator[JobEvent]:
        following = Following(code, after=after, patience=self._reconnect_for)
        while True:
            try:
                yield from self._heard(following, deadline)
            except ClientError as trouble:
                deadline.left()
                following.lost(trouble)
                if on_lost is not None and not following.is_over:
                    on_lost(trouble)
            if following.is_over:
                return
            time.sleep(deadline.at_most(following.pause))

    def _heard(self, following: Following, deadline: Deadline) -> Iterator[JobEvent]:
        """What comes over one connection."""
        with self._line.opened(following.call(), self._target.identity, within=deadline.left()) as answer:
            if answer.status != STREAM:
                following.refused(answer.whole())
                return
            for chunk in answer.chunks:
                yield from following.heard(chunk)
                if following.is_over:
                    return

    def _download(self, output: Output, to: Path) -> Path:
        def fetched() -> Path:
            link = self._ask(operations.link(output))
            goal = goal_of(output, link, to)
            with self._line.opened(operations.linked(link), NOBODY) as answer:
                if answer.status != STREAM:
                    refuse(answer.whole())
                with landing(output, goal) as file:
                    for chunk in answer.chunks:
                        file.write(chunk)
            return goal

        return self._tried(fetched, is_passing)
