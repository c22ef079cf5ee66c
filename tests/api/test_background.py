"""Background tasks that fail."""

import asyncio
from collections.abc import Collection
from datetime import timedelta

from structlog.testing import capture_logs

from api.auth.credentials import Credentials
from api.streaming.open_streams import OpenStreams
from tests.patience import PATIENCE


async def test_a_check_that_fails_for_good_is_heard_of() -> None:
    async def broken(_proofs: Collection[Credentials]) -> Collection[Credentials]:
        raise ArithmeticError("It cannot count.")

    with capture_logs() as logs:
        async with OpenStreams().watched(broken, every=timedelta(0)), asyncio.timeout(PATIENCE):
            while not logs:
                await asyncio.sleep(0)

    assert [(line["event"], line["log_level"]) for line in logs] == [("streams_no_longer_checked", "error")]
