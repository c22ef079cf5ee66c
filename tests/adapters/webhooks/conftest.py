"""A receiver, and a sender that may call it."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from aijobs.adapters.webhooks.sender import HttpWebhookSender
from aijobs.adapters.webhooks.settings import WebhookSettings
from tests.adapters.webhooks.receiver import Receiver

SECRET = b"only for these tests"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().running() as receiver:
        yield receiver


@pytest.fixture
async def sender(receiver: Receiver) -> AsyncIterator[HttpWebhookSender]:
    settings = WebhookSettings(allow_hosts=(receiver.host,), timeout=timedelta(seconds=1))
    async with HttpWebhookSender(settings, SECRET) as sender:
        yield sender
