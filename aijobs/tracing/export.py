"""Keeps traces for as long as a process runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opentelemetry import propagate, trace

from aijobs.tracing.settings import TraceSettings


@asynccontextmanager
async def exporting_traces(settings: TraceSettings, *, role: str, version: str) -> AsyncIterator[None]:
    """Send the spans of this process to the endpoint until the block ends; without one, nothing is loaded.

    A collector that is away costs its spans, and no request and no job. One process does this once.
    """
    if settings.endpoint is None:
        yield
        return
    from aijobs.tracing.provider import TraceparentOnly, provider_to  # takes 80 ms to load

    provider = provider_to(settings, role=role, version=version)
    propagate.set_global_textmap(TraceparentOnly())
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        await asyncio.to_thread(provider.shutdown)
