"""The tasks of Runway: how a film is made of a picture, and how a task reads."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, cast

from fastapi import Request
from PIL import Image

from sandbox.clock import NANOSECONDS
from sandbox.context import SandboxContext, context_of
from sandbox.faults.catalogue import Fault
from sandbox.faults.fault_board import Faults
from sandbox.pictures.input_images import loaded
from sandbox.pictures.upscaling import UNREADABLE, WorkFailedError
from sandbox.pictures.videos import filmed
from sandbox.tasks.engine import OutputFile, TaskEngine, TaskRules, opened_engine
from sandbox.tasks.task import SimulatedTask, TaskStatus

VENDOR_NAME: Final = "runway"
LINK_SECONDS: Final = 24 * 3600.0
CREDITS_A_SECOND: Final = 5

WORDS: Final = {
    TaskStatus.QUEUED: "PENDING",
    TaskStatus.WORKING: "RUNNING",
    TaskStatus.DONE: "SUCCEEDED",
    TaskStatus.FAILED: "FAILED",
    TaskStatus.CANCELED: "CANCELLED",
}


def made(task: SimulatedTask) -> list[OutputFile]:
    """A film of the picture that was given."""
    link = task.request["promptImage"]
    source = loaded(link)
    width, _, height = task.request["ratio"].partition(":")
    try:
        with Image.open(io.BytesIO(source)) as picture:
            content = filmed(task.id, (int(width), int(height)), task.request.get("duration") or 10, first=picture)
    except UNREADABLE as unreadable:
        raise WorkFailedError(f"the picture cannot be read: {unreadable}") from unreadable
    return [OutputFile("film.mp4", content)]


def document_of(task: SimulatedTask, engine: TaskEngine, faults: Faults) -> dict[str, Any]:
    """The fields depend on the status; what a task costs is in each that has ended, and 0 when it failed."""
    in_force = engine.faults_of(task) | faults
    word = WORDS[task.status]
    if Fault.UNKNOWN_STATUS in in_force and not task.status.is_final:
        word = in_force.text(Fault.UNKNOWN_STATUS)
    created = datetime.fromtimestamp(task.created_ns / NANOSECONDS, UTC)
    document: dict[str, Any] = {"id": task.id, "status": word, "createdAt": f"{created:%Y-%m-%dT%H:%M:%S}.000Z"}
    match task.status:
        case TaskStatus.WORKING if Fault.MISSING_KEYS not in in_force:
            document["progress"] = round(task.progress, 4)
        case TaskStatus.DONE:
            document |= {"output": engine.links(task, lifetime_seconds=LINK_SECONDS), "cost": _cost(task)}
        case TaskStatus.FAILED:
            document |= {"failure": task.message, "failureCode": "INTERNAL", "cost": {"credits": 0}}
        case TaskStatus.CANCELED:
            document["cost"] = {"credits": 0}
        case _:
            document["estimatedCost"] = _cost(task)
    return document


def _cost(task: SimulatedTask) -> dict[str, int]:
    return {"credits": CREDITS_A_SECOND * (task.request.get("duration") or 10)}


@asynccontextmanager
async def opened(context: SandboxContext) -> AsyncIterator[TaskEngine]:
    async with opened_engine(context, TaskRules(vendor=VENDOR_NAME, work=made)) as engine:
        yield engine


def tasks_of(request: Request) -> TaskEngine:
    return cast(TaskEngine, context_of(request).services[VENDOR_NAME])
