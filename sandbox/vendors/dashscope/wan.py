"""Wan's tasks: how a video is made, and how a task reads."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from fastapi import Request

from sandbox.clock import stamp
from sandbox.context import SandboxContext, context_of
from sandbox.faults.catalogue import Fault
from sandbox.faults.fault_board import Faults
from sandbox.pictures.videos import filmed
from sandbox.tasks.engine import OutputFile, TaskEngine, TaskRules, opened_engine
from sandbox.tasks.task import SimulatedTask, TaskStatus

VENDOR_NAME: Final = "dashscope"
LINK_SECONDS: Final = 86_400.0
SIZE: Final = "1280*720"

WORDS: Final[Mapping[TaskStatus, str]] = {
    TaskStatus.QUEUED: "PENDING",
    TaskStatus.WORKING: "RUNNING",
    TaskStatus.DONE: "SUCCEEDED",
    TaskStatus.FAILED: "FAILED",
    TaskStatus.CANCELED: "CANCELED",
}


def made(task: SimulatedTask) -> list[OutputFile]:
    asked, chosen = task.request["input"], task.request.get("parameters") or {}
    width, height = (int(side) for side in (chosen.get("size") or SIZE).split("*"))
    seed = f"{asked['prompt']}/{chosen.get('seed')}"
    return [OutputFile("video.mp4", filmed(seed, (width, height), seconds_of(task)))]


def seconds_of(task: SimulatedTask) -> int:
    return int((task.request.get("parameters") or {}).get("duration") or 5)


def output_of(task: SimulatedTask, engine: TaskEngine, faults: Faults) -> dict[str, Any]:
    """The `output` of an answer about one task."""
    in_force = engine.faults_of(task) | faults
    word = WORDS[task.status]
    if Fault.UNKNOWN_STATUS in in_force and not task.status.is_final:
        word = in_force.text(Fault.UNKNOWN_STATUS)
    output: dict[str, Any] = {"task_id": task.id, "task_status": word}
    if links := engine.links(task, lifetime_seconds=LINK_SECONDS):
        output["video_url"] = links[0]
    if task.status is TaskStatus.FAILED:
        output |= {"code": "InternalError", "message": task.message}
    if Fault.MISSING_KEYS not in in_force:
        output |= {"submit_time": stamp(task.created_ns), "orig_prompt": task.request["input"]["prompt"]}
    return output


@asynccontextmanager
async def opened(context: SandboxContext) -> AsyncIterator[TaskEngine]:
    async with opened_engine(context, TaskRules(vendor=VENDOR_NAME, work=made)) as engine:
        yield engine


def tasks_of(request: Request) -> TaskEngine:
    return cast(TaskEngine, context_of(request).services[VENDOR_NAME])
