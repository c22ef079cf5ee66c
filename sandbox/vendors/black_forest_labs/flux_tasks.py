"""The tasks of Black Forest Labs: how a picture is made, how a task reads, and the webhook at its end."""

import hashlib
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from fastapi import Request
from PIL import Image

from sandbox.clock import NANOSECONDS
from sandbox.context import SandboxContext, context_of
from sandbox.faults.catalogue import Fault
from sandbox.faults.fault_board import Faults
from sandbox.pictures.landscapes import landscape
from sandbox.tasks.engine import OutputFile, TaskEngine, TaskRules, opened_engine
from sandbox.tasks.task import SimulatedTask, TaskStatus

VENDOR_NAME: Final = "black_forest_labs"
LINK_SECONDS: Final = 600.0
COST: Final = 3.0  #: credits, of any picture here
SIDE: Final = 1024  #: pixels; the default of both sides

WORDS: Final = {
    TaskStatus.QUEUED: "Pending",
    TaskStatus.WORKING: "Pending",
    TaskStatus.DONE: "Ready",
    TaskStatus.FAILED: "Error",
    TaskStatus.CANCELED: "Error",
}


def drawn(task: SimulatedTask) -> list[OutputFile]:
    """One picture of the wanted size and format, which depends on the prompt and the seed."""
    request = task.request
    size = request.get("width") or SIDE, request.get("height") or SIDE
    picture = landscape(f"{request['prompt']}/{seed_of(task)}", size)
    return [_encoded(picture, request.get("output_format") or "jpeg")]


def _encoded(picture: Image.Image, output_format: str) -> OutputFile:
    file = io.BytesIO()
    picture.save(file, output_format.upper())
    return OutputFile("sample.png" if output_format == "png" else "sample.jpg", file.getvalue())


def seed_of(task: SimulatedTask) -> int:
    given = task.request.get("seed")
    return given if given is not None else int(hashlib.sha256(task.id.encode()).hexdigest()[:8], 16)


def document_of(task: SimulatedTask, engine: TaskEngine, faults: Faults) -> dict[str, Any]:
    """As `get_result` answers. The progress is null before the work has begun."""
    in_force = engine.faults_of(task) | faults
    word = WORDS[task.status]
    if Fault.UNKNOWN_STATUS in in_force and not task.status.is_final:
        word = in_force.text(Fault.UNKNOWN_STATUS)
    document: dict[str, Any] = {"id": task.id, "status": word, "result": _result(task, engine)}
    if Fault.MISSING_KEYS in in_force:
        return document
    progress = round(task.progress, 2) if task.started_ns else None
    details = {"error": task.message} if task.message else None
    return {**document, "progress": progress, "details": details, "preview": None}


def _result(task: SimulatedTask, engine: TaskEngine) -> dict[str, Any] | None:
    if task.status is not TaskStatus.DONE or task.started_ns is None or task.ended_ns is None:
        return None
    links = engine.links(task, lifetime_seconds=LINK_SECONDS)
    start, end = task.started_ns / NANOSECONDS, task.ended_ns / NANOSECONDS
    result = {"seed": seed_of(task), "prompt": task.request["prompt"], "start_time": start, "end_time": end}
    return {**result, "duration": end - start, "sample": links[0] if links else None}


@asynccontextmanager
async def opened(context: SandboxContext) -> AsyncIterator[TaskEngine]:
    def ended(task: SimulatedTask) -> None:
        if task.webhook_url:
            body = json.dumps(document_of(task, engine, Faults()))
            credentials = {"x-webhook-secret": task.webhook_secret} if task.webhook_secret else {}
            context.webhooks.send(
                owner=task.id, url=task.webhook_url, body=body, final=True, signed=False, credentials=credentials
            )

    rules = TaskRules(vendor=VENDOR_NAME, work=drawn, ended=ended)
    async with opened_engine(context, rules) as engine:
        yield engine


def tasks_of(request: Request) -> TaskEngine:
    return cast(TaskEngine, context_of(request).services[VENDOR_NAME])
