"""The proxy passes everything on, until it cuts."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from chaos.faults.proxy import Cuts, CuttingProxy, Way, closed
from cli.embedded.ports import HOST, free_port

LENGTH = 100_000
ALWAYS = Cuts(share=1, least=1000, most=1000, ways=(Way.BACK,))


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """The port of a server that says everything back."""
    answering: set[asyncio.Task[None] | None] = set()

    async def say_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())
        with suppress(ConnectionError):
            while chunk := await reader.read(1024):
                writer.write(chunk)
        await closed(writer)

    async with await asyncio.start_server(say_back, HOST, 0) as server:
        port: int = server.sockets[0].getsockname()[1]
        yield port
    await asyncio.gather(*filter(None, answering))


async def heard_through(proxy: CuttingProxy) -> bytes:
    """What comes back of a long message. Raises ConnectionResetError."""
    port = free_port()
    async with proxy.serving(port):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"x" * LENGTH)
        writer.write_eof()
        try:
            return await reader.read()
        finally:
            await closed(writer)


async def test_without_cuts_everything_passes(echo: int) -> None:
    proxy = CuttingProxy([(HOST, echo)], Cuts(share=0), random.Random(1))

    assert len(await heard_through(proxy)) == LENGTH
    assert (proxy.connections, proxy.cut) == (1, 0)


async def test_a_cut_resets_the_connection(echo: int) -> None:
    proxy = CuttingProxy([(HOST, echo)], ALWAYS, random.Random(1))

    with pytest.raises(ConnectionResetError):
        await heard_through(proxy)

    assert proxy.cut == 1


async def test_a_calm_proxy_cuts_nothing(echo: int) -> None:
    proxy = CuttingProxy([(HOST, echo)], ALWAYS, random.Random(1))
    proxy.calm()

    assert len(await heard_through(proxy)) == LENGTH


async def test_it_finds_the_one_that_is_there(echo: int) -> None:
    proxy = CuttingProxy([(HOST, free_port()), (HOST, free_port()), (HOST, echo)], Cuts(share=0), random.Random(1))

    assert len(await heard_through(proxy)) == LENGTH


async def test_where_nobody_is_it_resets() -> None:
    proxy = CuttingProxy([(HOST, free_port())], Cuts(share=0), random.Random(1))

    with pytest.raises(ConnectionResetError):
        await heard_through(proxy)
