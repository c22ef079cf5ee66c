"""Fetches outputs from providers without being led astray."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Final, Self

import httpx

from aijobs.adapters.download.content_check import kept_promise
from aijobs.adapters.download.peeked_stream import PeekedStream
from aijobs.adapters.download.redirects import REFUSED, Hop, RedirectChain
from aijobs.adapters.download.responses import REDIRECTS, announced_length, judge_answer
from aijobs.adapters.download.settings import DownloadSettings
from aijobs.adapters.download.transfer_limits import Body, metered, took_too_long
from aijobs.adapters.download.whole_file import WholeFile, refuse_half_of_json
from aijobs.adapters.network.host_patterns import HostPort
from aijobs.adapters.network.ssrf_guard import Resolver, SsrfGuard, guarded_transport, system_resolver
from aijobs.domain.errors import AddressRefused, DownloadInterrupted, HostUnreachable, OutputRefused
from aijobs.domain.jobs.outputs import Download, OutputKind, OutputSource

MAX_REDIRECTS: Final = 5
SLICE_BYTES: Final = 64 * 1024  #: of content that came with the answer


class SafeDownloader:
    """Use as an async context manager: one pool of connections for all downloads of a process."""

    def __init__(
        self, settings: DownloadSettings, *, resolver: Resolver = system_resolver, tls: ssl.SSLContext | None = None
    ) -> None:
        self._settings = settings
        self._allowed = [HostPort.parse(written) for written in settings.allow_hosts]
        # A transport and no client around it: nothing here follows redirects, keeps cookies, or reads the environment.
        self._transport = guarded_transport(SsrfGuard(self._allowed, resolver), tls)
        patience = settings.idle_timeout.total_seconds()
        self._timeout = httpx.Timeout(patience, read=None).as_dict()  # the meter times the reading

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    @asynccontextmanager
    async def fetch(
        self, source: OutputSource, *, expect: OutputKind, hosts: tuple[str, ...]
    ) -> AsyncIterator[Download]:
        deadline = asyncio.get_running_loop().time() + self._settings.total_deadline.total_seconds()
        async with (
            self._body(source, hosts, deadline) as body,
            aclosing(metered(body, self._settings, deadline=deadline)) as chunks,
        ):
            opening = PeekedStream(chunks)
            sniffed, head = await opening.media()
            refuse_half_of_json(sniffed, head, expect=expect)
            media = kept_promise(sniffed, expect)
            written_as = media if expect is OutputKind.TEXT else sniffed  # of a text nobody knows the end
            yield Download(
                media_type=media.media_type,
                extension=media.extension,
                kind=media.kind,
                total=body.total,
                chunks=WholeFile(opening, written_as),
                head=opening.head,
                measure=opening.measure,
            )

    @asynccontextmanager
    async def _body(self, source: OutputSource, hosts: tuple[str, ...], deadline: float) -> AsyncIterator[Body]:
        if source.content is not None:
            yield Body(chunks=_sliced(source.content), total=len(source.content))
            return
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._answer(source, RedirectChain(hosts, self._allowed))
        except TimeoutError as slow:
            raise took_too_long(self._settings) from slow
        async with aclosing(response), aclosing(_wire(response)) as chunks:
            judge_answer(response)
            yield Body(chunks=chunks, total=announced_length(response))

    async def _answer(self, source: OutputSource, itinerary: RedirectChain) -> httpx.Response:
        """The first that is no redirect. Redirects are followed by hand, since each one is judged."""
        hop = Hop.first(source.url or "", source.headers)
        for _ in range(MAX_REDIRECTS + 1):
            itinerary.judge(hop)
            response = await self._sent(hop)
            if response.status_code not in REDIRECTS:
                return response
            await response.aclose()
            hop = hop.next(response.headers.get("location", ""))
        raise OutputRefused(f"The link is redirected more than {MAX_REDIRECTS} times.")

    async def _sent(self, hop: Hop) -> httpx.Response:
        headers = httpx.Headers({"accept": "*/*", "user-agent": "aijobs", **hop.headers})
        headers["accept-encoding"] = "identity"  # the body is taken as it is, so that nothing can swell on the way
        request = httpx.Request("GET", hop.url, headers=headers, extensions={"timeout": self._timeout})
        try:
            async with asyncio.timeout(self._settings.idle_timeout.total_seconds()):
                return await self._transport.handle_async_request(request)
        except AddressRefused as inside:
            raise OutputRefused(REFUSED) from inside
        except TimeoutError as silent:
            raise HostUnreachable(f"{hop.url.host} does not answer.") from silent
        except httpx.TransportError as failed:
            raise HostUnreachable(f"The connection to {hop.url.host} failed.") from failed


async def _wire(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    try:
        async for chunk in response.aiter_raw():
            yield chunk
    except httpx.TransportError as broken:
        raise DownloadInterrupted("The connection broke before everything had come.") from broken


async def _sliced(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), SLICE_BYTES):
        yield content[at : at + SLICE_BYTES]
