"""Hailuo's tasks: how a video is made, how a task reads, and the file that it has made."""

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from fastapi import Request
from PIL import Image

from sandbox.clock import NANOSECONDS
from sandbox.context import SandboxContext, context_of
from sandbox.faults.catalogue import Fault
from sandbox.faults.fault_board import Faults
from sandbox.output_host import blob_name
from sandbox.pictures.input_images import loaded
from sandbox.pictures.upscaling import UNREADABLE, WorkFailedError
from sandbox.pictures.videos import filmed
from sandbox.tasks.engine import OutputFile, TaskEngine, TaskRules, opened_engine
from sandbox.tasks.task import SimulatedTask, TaskStatus

VENDOR_NAME: Final = "minimax"
LINK_SECONDS: Final = 9 * 3600.0
SIZES: Final[Mapping[str, tuple[int, int]]] = {"512P": (912, 512), "768P": (1366, 768), "1080P": (1920, 1080)}
SUCCESS: Final[Mapping[str, Any]] = {"status_code": 0, "status_msg": "success"}

WORDS: Final[Mapping[TaskStatus, str]] = {
    TaskStatus.QUEUED: "Queueing",
    TaskStatus.WORKING: "Processing",
    TaskStatus.DONE: "Success",
    TaskStatus.FAILED: "Fail",
    TaskStatus.CANCELED: "Fail",
}


def made(task: SimulatedTask) -> list[OutputFile]:
    asked = task.request
    size, seconds = SIZES[asked.get("resolution") or "768P"], asked.get("duration") or 6
    link = asked.get("first_frame_image")
    if link is None:
        return [OutputFile("output_aigc.mp4", filmed(asked["prompt"], size, seconds))]
    source = loaded(link)
    try:
        with Image.open(io.BytesIO(source)) as picture:
            return [OutputFile("output_aigc.mp4", filmed(asked["prompt"], size, seconds, first=picture))]
    except UNREADABLE as unreadable:
        raise WorkFailedError(f"the first frame cannot be read: {unreadable}") from unreadable


def file_id_of(task: SimulatedTask) -> str:
    """Of the file that a finished task has made. Files and tasks are counted apart."""
    return str(int(task.id) + 10**14)


def task_document(task: SimulatedTask, engine: TaskEngine, faults: Faults) -> dict[str, Any]:
    in_force = engine.faults_of(task) | faults
    word = WORDS[task.status]
    if Fault.UNKNOWN_STATUS in in_force and not task.status.is_final:
        word = in_force.text(Fault.UNKNOWN_STATUS)
    has_file = task.status is TaskStatus.DONE and Fault.ZERO_OUTPUTS not in in_force
    told = {"status_code": 1027, "status_msg": task.message} if task.message else SUCCESS
    document: dict[str, Any] = {"task_id": task.id, "status": word, "base_resp": told}
    document["file_id"] = file_id_of(task) if has_file else ""
    if has_file and Fault.MISSING_KEYS not in in_force:
        width, height = SIZES[task.request.get("resolution") or "768P"]
        document |= {"video_width": width, "video_height": height}
    return document


def file_document(task: SimulatedTask, engine: TaskEngine) -> dict[str, Any]:
    """With a fresh link each time."""
    links = engine.links(task, lifetime_seconds=LINK_SECONDS)
    file = {
        "file_id": int(file_id_of(task)),
        "bytes": len(engine.context.blobs.read(blob_name(task.id, task.outputs[0]))),
        "created_at": (task.ended_ns or 0) // NANOSECONDS,
        "filename": "output_aigc.mp4",
        "purpose": "video_generation",
        "download_url": links[0] if links else "",
    }
    return {"file": file, "base_resp": SUCCESS}


@asynccontextmanager
async def opened(context: SandboxContext) -> AsyncIterator[TaskEngine]:
    async with opened_engine(context, TaskRules(vendor=VENDOR_NAME, work=made)) as engine:
        yield engine


def tasks_of(request: Request) -> TaskEngine:
    return cast(TaskEngine, context_of(request).services[VENDOR_NAME])
