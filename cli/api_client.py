"""Our own API, as the command line speaks to it: through the client that applications use."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from aijobs_client import ApiError, AsyncClient, ClientError, Unreachable

from aijobs.domain.jobs.events import JobEvent
from cli.errors import CommandError, Exit

Document = dict[str, Any]

#: Without a line for so long, an API that is followed is given up.
RECONNECT_PATIENCE: Final = timedelta(minutes=2)
#: Answers of whatever stands before an API that is away.
FROM_A_GATEWAY: Final = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


class ApiClient:
    """Each method raises CommandError that tells the API's problem in its own words. Nothing is tried twice."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def get(self, path: str, query: Mapping[str, Any] | None = None) -> Document:
        return await self._asked("GET", path, query=query)

    async def post(self, path: str, body: Document, *, idempotency_key: str | None = None) -> Document:
        return await self._asked("POST", path, body=body, idempotency_key=idempotency_key)

    async def put(self, path: str, body: Document) -> Document:
        return await self._asked("PUT", path, body=body)

    async def upload(self, path: Path) -> Document:
        """Hand in a file. The answer's `code` is what a parameter may then name."""
        with _told():
            try:
                return (await self._client.upload(path)).model_dump(mode="json")
            except OSError as unreadable:
                raise CommandError(f"{path} cannot be read: {unreadable.strerror}.") from unreadable

    async def events(
        self, code: str, *, after: int, on_lost: Callable[[str], None] | None = None
    ) -> AsyncIterator[JobEvent]:
        """The events behind number `after`, as they happen, until the job's end. `on_lost` hears of interruptions."""

        def lost(trouble: ClientError) -> None:
            if on_lost is not None:
                on_lost(str(for_people(trouble)))

        with _told():
            async for event in self._client.events(code, after=after, on_lost=lost):
                yield JobEvent.model_validate(event.model_dump())

    async def _asked(self, method: str, path: str, **more: Any) -> Document:
        with _told():
            found: Document = await self._client.request(method, path, **more)
        return found


@asynccontextmanager
async def opened_api_client(*, url: str, key: str, user: str | None = None) -> AsyncIterator[ApiClient]:
    """The API at `url`, with a key; with a service key, on behalf of `user`."""
    try:
        client = AsyncClient(
            url=url, key=key, user=user, retry_for=0.0, reconnect_for=RECONNECT_PATIENCE.total_seconds()
        )
    except ValueError as unusable:
        raise CommandError(f"The API cannot be asked: {unusable}.") from unusable
    async with client:
        yield ApiClient(client)


def for_people(trouble: ClientError) -> CommandError:
    """What to say of it, and the exit code that goes with it."""
    match trouble:
        case Unreachable():
            return _unreachable(str(trouble))
        case ApiError(code="", status=status) if status in FROM_A_GATEWAY:
            return _unreachable(f"The API cannot be reached: a gateway answered {status}.")
        case ApiError():
            return CommandError(
                trouble.detail,
                details=tuple(f"{wrong.pointer or '/'}: {wrong.message}" for wrong in trouble.errors),
                hint=_hint(trouble),
                code=Exit.NOT_FOUND if trouble.status == HTTPStatus.NOT_FOUND else Exit.ERROR,
            )
    return CommandError(str(trouble))


def _unreachable(said: str) -> CommandError:
    return CommandError(said, hint="`aijobs up` starts one here; --url names another.", code=Exit.UNREACHABLE)


def _hint(refused: ApiError) -> str:
    if refused.status == HTTPStatus.UNAUTHORIZED:
        return "The key comes from --key, AIJOBS_CLI__KEY, or the file `key` in the data directory."
    code = refused.code or str(refused.status)
    return f"{code} · request {refused.request_id}" if refused.request_id else code


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except ClientError as trouble:
        raise for_people(trouble) from trouble
