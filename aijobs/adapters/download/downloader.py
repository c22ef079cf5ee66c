"""Downloads outputs from providers over guarded connections."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Final, Self

import httpx

from aijobs.adapters.download.content_check import checked_media
from aijobs.adapters.download.peeked_stream import PeekedStream
from aijobs.adapters.download.redirects import REFUSED, Hop, RedirectChain
from aijobs.adapters.download.responses import REDIRECTS, announced_length, check_response
from aijobs.adapters.download.settings import DownloadSettings
from aijobs.adapters.download.transfer_limits import Body, metered, took_too_long
from aijobs.adapters.download.truncation_check import WholeFile, refuse_half_of_json
from aijobs.adapters.network.ssrf_guard import Resolver, SsrfGuard, guarded_transport, system_resolver
from aijobs.adapters.network.traced_transport import traced_transport
from aijobs.domain.errors import AddressRefused, DownloadInterrupted, HostUnreachable, OutputRefused
from aijobs.domain.jobs.outputs import Download, OutputKind, OutputSource

MAX_REDIRECTS: Final = 5
SLICE_BYTES: Final = 64 * 1024  #: of content that was inline in the provider's answer


class SafeDownloader:
    """Use as an async context manager: one pool of connections for all downloads of a process."""

    def __init__(
        self, settings: DownloadSettings, *, resolver: Resolver = system_resolver, tls: ssl.SSLContext | None = None
    ) -> None:
        self._settings = settings
        self._allowed = settings.trusted
        # A transport and no client around it: nothing here follows redirects, keeps cookies, or reads the environment.
        self._transport = traced_transport(guarded_transport(SsrfGuard(self._allowed, resolver), tls), "output")
        idle_seconds = settings.idle_timeout.total_seconds()
        self._timeout = httpx.Timeout(idle_seconds, read=None).as_dict()  # reading is timed by the transfer meter

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
            stream = PeekedStream(chunks)
            sniffed, head = await stream.media()
            refuse_half_of_json(sniffed, head, expect=expect)
            media = checked_media(sniffed, expect)
            written_as = media if expect is OutputKind.TEXT else sniffed  # the end of a plain text cannot be checked
            yield Download(
                media_type=media.media_type,
                extension=media.extension,
                kind=media.kind,
                total=body.total,
                chunks=WholeFile(stream, written_as),
                head=stream.head,
                measure=stream.measure,
            )

    @asynccontextmanager
    async def _body(self, source: OutputSource, hosts: tuple[str, ...], deadline: float) -> AsyncIterator[Body]:
        if source.content is not None:
            yield Body(chunks=_sliced(source.content), total=len(source.content))
            return
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._final_response(source, RedirectChain(hosts, self._allowed))
        except TimeoutError as expired:
            raise took_too_long(self._settings) from expired
        async with aclosing(response), aclosing(_raw_chunks(response)) as chunks:
            check_response(response)
            yield Body(chunks=chunks, total=announced_length(response))

    async def _final_response(self, source: OutputSource, chain: RedirectChain) -> httpx.Response:
        """The first response that is no redirect. Each redirect is checked before it is followed."""
        hop = Hop.first(source.url or "", source.headers)
        for _ in range(MAX_REDIRECTS + 1):
            chain.check(hop)
            response = await self._send(hop)
            if response.status_code not in REDIRECTS:
                return response
            await response.aclose()
            hop = hop.next(response.headers.get("location", ""))
        raise OutputRefused(f"The link is redirected more than {MAX_REDIRECTS} times.")

    async def _send(self, hop: Hop) -> httpx.Response:
        headers = httpx.Headers({"accept": "*/*", "user-agent": "aijobs", **hop.headers})
        headers["accept-encoding"] = "identity"  # a compressed body could unpack to more than was transferred
        request = httpx.Request("GET", hop.url, headers=headers, extensions={"timeout": self._timeout})
        try:
            async with asyncio.timeout(self._settings.idle_timeout.total_seconds()):
                return await self._transport.handle_async_request(request)
        except AddressRefused as refused:
            raise OutputRefused(REFUSED) from refused
        except TimeoutError as expired:
            raise HostUnreachable(f"{hop.url.host} does not answer.") from expired
        except httpx.TransportError as failed:
            raise HostUnreachable(f"The connection to {hop.url.host} failed.") from failed


async def _raw_chunks(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    try:
        async for chunk in response.aiter_raw():
            yield chunk
    except httpx.TransportError as broken:
        raise DownloadInterrupted("The connection broke before everything had come.") from broken


async def _sliced(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), SLICE_BYTES):
        yield content[at : at + SLICE_BYTES]
