"""Our own API, as the command line speaks to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from cli.errors import CommandError, Exit
from domain.events import JobEvent

Document = dict[str, Any]

PATIENCE: Final = httpx.Timeout(30.0, connect=5.0)
#: Without a single byte on an event stream; the API sends a sign of life well before.
STREAM_PATIENCE: Final = httpx.Timeout(60.0, connect=5.0)
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
#: Answers of whatever stands before an API that is away.
FROM_A_GATEWAY: Final = frozenset({502, 503, 504})


class Unreachable(CommandError):
    """The API does not answer, or not like one."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"The API at {url} cannot be reached: {reason}.",
            hint="`aijobs up` starts one here; --url names another.",
            code=Exit.UNREACHABLE,
        )


class Interrupted(Unreachable):
    """The API had begun to answer."""


class Api:
    """Each method raises Unreachable, or a CommandError that tells the API's problem in its own words."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._url = str(http.base_url).rstrip("/")

    async def get(self, path: str, query: Mapping[str, Any] | None = None) -> Document:
        wanted = {name: value for name, value in (query or {}).items() if value is not None}
        return await self._answer(self._http.build_request("GET", path, params=wanted))

    async def post(self, path: str, body: Document, *, idempotency_key: str | None = None) -> Document:
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return await self._answer(self._http.build_request("POST", path, json=body, headers=headers))

    async def upload(self, path: Path) -> Document:
        """Hand in a file. The answer's `code` is what a parameter may then name."""
        try:
            content = await asyncio.to_thread(path.read_bytes)
        except OSError as unreadable:
            raise CommandError(f"{path} cannot be read: {unreadable.strerror}.") from unreadable
        return await self._answer(self._http.build_request("POST", "/api/files", files={"file": (path.name, content)}))

    async def events(self, code: str, *, after: int) -> AsyncIterator[JobEvent]:
        """The events behind number `after`, as they happen, until the API ends the stream."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        request = self._http.build_request("GET", f"/api/jobs/{code}/events", headers=headers, timeout=STREAM_PATIENCE)
        async with self._sent(request) as answer:
            data: list[str] = []
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    data.append(line.removeprefix("data:").removeprefix(" "))
                elif not line and data:
                    yield JobEvent.model_validate_json("\n".join(data))
                    data = []

    async def _answer(self, request: httpx.Request) -> Document:
        async with self._sent(request) as answer:
            body = await answer.aread()
        return _document(body) or {}

    @asynccontextmanager
    async def _sent(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        try:
            answer = await self._http.send(request, stream=True)
        except httpx.HTTPError as unreachable:
            raise Unreachable(self._url, _reason(unreachable)) from unreachable
        try:
            if not answer.is_success:
                raise self._refusal(answer.status_code, await answer.aread())
            yield answer
        except httpx.HTTPError as broken_off:
            raise Interrupted(self._url, _reason(broken_off)) from broken_off
        finally:
            await answer.aclose()

    def _refusal(self, status: int, body: bytes) -> CommandError:
        if status in FROM_A_GATEWAY and _document(body) is None:
            return Unreachable(self._url, f"a gateway answered {status}")
        return problem(status, body)


@asynccontextmanager
async def opened_api(*, url: str, key: str, user: str | None = None) -> AsyncIterator[Api]:
    """The API at `url`, with a key; with a service key, on behalf of `user`."""
    headers = {"Authorization": f"Bearer {key}", "User-Agent": "aijobs-cli"}
    if user:
        headers["Aijobs-User"] = user
    try:
        here = httpx.URL(url).host in LOOPBACK  # no proxy leads there
        http = httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE, trust_env=not here)
    except (httpx.InvalidURL, ValueError) as unusable:
        raise CommandError(
            f"{url!r} cannot be used as the API's address, or the key has strange letters."
        ) from unusable
    async with http:
        yield Api(http)


def problem(status: int, body: bytes) -> CommandError:
    """What the API has against a request (RFC 9457), for people."""
    said = _document(body)
    if said is None:
        return CommandError(f"The API answered {status}, and nothing that can be read.")
    fields = tuple(f"{wrong.get('pointer') or '/'}: {wrong.get('message', '')}" for wrong in said.get("errors") or ())
    return CommandError(
        str(said.get("detail") or said.get("title") or f"The API answered {status}."),
        details=fields,
        hint=_hint(status, said),
        code=Exit.NOT_FOUND if status == httpx.codes.NOT_FOUND else Exit.ERROR,
    )


def _hint(status: int, said: Document) -> str:
    if status == httpx.codes.UNAUTHORIZED:
        return "The key comes from --key, AIJOBS_CLI__KEY, or the file `key` in the data directory."
    request_id = said.get("request_id")
    return f"{said.get('code', status)} · request {request_id}" if request_id else str(said.get("code", status))


def _document(body: bytes) -> Document | None:
    try:
        read = json.loads(body)
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


def _reason(failure: httpx.HTTPError) -> str:
    return str(failure).rstrip(".") or type(failure).__name__
