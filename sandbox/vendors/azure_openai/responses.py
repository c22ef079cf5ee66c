"""The responses of the simulated resource."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

from fastapi import Request

from sandbox.context import SandboxContext, context_of
from sandbox.tasks.engine import TaskEngine, TaskRules, opened_engine
from sandbox.vendors.openai.answering import made

VENDOR_NAME: Final = "azure_openai"


@asynccontextmanager
async def opened(context: SandboxContext) -> AsyncIterator[TaskEngine]:
    async with opened_engine(context, TaskRules(vendor=VENDOR_NAME, work=made)) as engine:
        yield engine


def responses_of(request: Request) -> TaskEngine:
    return cast(TaskEngine, context_of(request).services[VENDOR_NAME])
