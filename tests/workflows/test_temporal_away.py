"""With Temporal away, or silent, a caller does not wait for it longer than promised."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import pytest
from temporalio.client import Client

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import TemporalUnavailable
from aijobs.domain.jobs.job import JobBrief
from aijobs.settings import SHIPPED_CATALOGUE
from cli.embedded.ports import HOST, free_port
from cli.embedded.temporal_server import temporal_server
from workflows.client import REQUEST_TIMEOUT, TemporalJobEngine
from workflows.data_converter import DATA_CONVERTER

SLACK: Final = 2.0
"""Seconds that a busy machine may add; without a common timeout a call took 5 and more."""

CALLS: Final[dict[str, Callable[[TemporalJobEngine, JobBrief], Awaitable[None]]]] = {
    "start": lambda engine, brief: engine.start(brief),
    "ensure_started": lambda engine, brief: engine.ensure_started(brief),
    "cancel": lambda engine, brief: engine.cancel(brief.code),
    "hint": lambda engine, brief: engine.hint(brief.code),
    "probe": lambda engine, _: engine.probe(),
}


def a_brief() -> JobBrief:
    model = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8")).model("replicate_imageupscale_v1")
    return JobBrief(
        code="job_00000000000000000000000000",
        user_id="ada",
        model_id=model.model_id,
        model_name=str(model.model_name),
        provider=model.provider,
        asyn=model.asyn,
        accepted_at=datetime.now(UTC),
        deadlines=model.deadlines,
        poll=model.poll,
    )


@asynccontextmanager
async def nobody() -> AsyncIterator[str]:
    yield f"{HOST}:{free_port()}"


@asynccontextmanager
async def somebody_silent() -> AsyncIterator[str]:
    async def listen(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)
        writer.close()

    server = await asyncio.start_server(listen, HOST, port := free_port())
    try:
        yield f"{HOST}:{port}"
    finally:
        server.close()


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("away", [nobody, somebody_silent], ids=lambda away: away.__name__)
async def test_a_call_has_one_patience_together_with_connecting(
    away: Callable[[], AbstractAsyncContextManager[str]], call: str
) -> None:
    async with away() as address:
        engine = TemporalJobEngine(lambda: Client.connect(address, data_converter=DATA_CONVERTER))
        began = time.monotonic()
        with pytest.raises(TemporalUnavailable):
            await CALLS[call](engine, a_brief())

    assert time.monotonic() - began < REQUEST_TIMEOUT.total_seconds() + SLACK


@pytest.mark.parametrize("call", CALLS)
async def test_a_connection_that_was_lost_is_waited_for_no_longer(call: str) -> None:
    async with temporal_server(data_dir=None) as temporal:
        engine = TemporalJobEngine(lambda: Client.connect(temporal.address, data_converter=DATA_CONVERTER))
        await engine.probe()
    began = time.monotonic()

    with pytest.raises(TemporalUnavailable):
        await CALLS[call](engine, a_brief())

    assert time.monotonic() - began < REQUEST_TIMEOUT.total_seconds() + SLACK
