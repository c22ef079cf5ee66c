"""`aijobs init`: makes what API and worker need, before they start for the first time or in a new version."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from typing import Annotated, Final

import typer
from temporalio.service import RPCError

from aijobs.bootstrap import known_installation, prepare_database, prepare_object_store
from aijobs.domain.errors import (
    DatabaseUnavailable,
    NamespaceTaken,
    PayloadUnreadable,
    SchemaMismatch,
    StoreUnavailable,
    TemporalMisconfigured,
    TemporalUnavailable,
)
from aijobs.settings import Settings
from cli import console
from cli.embedded.temporal_client import connect_unchecked
from cli.embedded.temporal_namespace import prepare_namespace
from cli.errors import CommandError
from cli.options import DataDir, load_settings

DEFAULT_WAIT: Final = 60.0
PAUSE: Final = timedelta(seconds=2)

#: What a part that is not there, or not yet, raises.
UNAVAILABLE: Final = (DatabaseUnavailable, StoreUnavailable, TemporalUnavailable, CommandError, RPCError)

Preparation = Callable[[Settings], AsyncIterator[str]]


def init(
    only: Annotated[
        str | None, typer.Option(metavar="PART,…", help="Only these: database, store, temporal. Default: all of them.")
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long a part may take until it can be reached.")
    ] = DEFAULT_WAIT,
    data_dir: DataDir = None,
) -> None:
    """Prepare database, object store and Temporal, as the settings name them.

    What is there stays as it is: it may be run at any time, and by several at once. Run it before API and workers of a
    new version start: with PostgreSQL they migrate nothing by themselves. Exit code 1 when a part is not prepared.
    """
    parts = tuple(part.strip() for part in only.split(",")) if only else tuple(PARTS)
    if unknown := set(parts) - set(PARTS):
        raise CommandError(f"There is no part {', '.join(sorted(unknown))}.", hint=", ".join(PARTS))
    settings = load_settings(data_dir)
    failed = asyncio.run(_prepare(settings, parts, wait=timedelta(seconds=wait)))
    if failed:
        raise CommandError(f"Not prepared: {', '.join(failed)}.", hint="`aijobs doctor` says more.")


async def _prepare(settings: Settings, parts: tuple[str, ...], *, wait: timedelta) -> list[str]:
    """Prepare each part, and say what was done. Returns those that failed."""
    failed = []
    for part in parts:
        try:
            await _patiently(part, settings, time.monotonic() + wait.total_seconds())
        except (*UNAVAILABLE, PayloadUnreadable, TimeoutError) as error:
            console.say(console.WRONG, f"{part:<9}", str(error) or "It does not answer in time.")
            failed.append(part)
    return failed


async def _patiently(part: str, settings: Settings, deadline: float) -> None:
    """Until the deadline, a part that cannot be reached is only starting."""
    done: set[str] = set()
    while True:
        try:
            async for line in PARTS[part](settings):
                if line not in done:
                    console.say(console.OK, f"{part:<9}", line)
                    done.add(line)
        except (SchemaMismatch, TemporalMisconfigured, NamespaceTaken):
            raise
        except UNAVAILABLE:
            if time.monotonic() + PAUSE.total_seconds() >= deadline:
                raise
            await asyncio.sleep(PAUSE.total_seconds())
        else:
            return


async def _prepare_temporal(settings: Settings) -> AsyncIterator[str]:
    client = await connect_unchecked(settings.payloads.ring)
    installation = await known_installation(settings)
    async for line in prepare_namespace(client, repair_every=settings.worker.repair_every, installation=installation):
        yield line


PARTS: Final[Mapping[str, Preparation]] = {
    "database": prepare_database,
    "store": prepare_object_store,
    "temporal": _prepare_temporal,
}
