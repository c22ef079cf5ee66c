"""Kling's tasks: how a video is made, how a task reads, and the callback at its end."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from fastapi import Request

from sandbox.context import SandboxContext, context_of
from sandbox.faults.catalogue import Fault
from sandbox.faults.fault_board import Faults
from sandbox.pictures.videos import filmed
from sandbox.tasks.engine import OutputFile, TaskEngine, TaskRules, opened_engine
from sandbox.tasks.task import SimulatedTask, TaskStatus

VENDOR_NAME: Final = "kling"
LINK_SECONDS: Final = 30 * 86_400.0
MILLISECOND: Final = 1_000_000  #: in nanoseconds
HEIGHTS: Final[Mapping[str, int]] = {"720p": 720, "1080p": 1080}
UNITS_A_SECOND: Final = 0.5

WORDS: Final[Mapping[TaskStatus, str]] = {
    TaskStatus.QUEUED: "submitted",
    TaskStatus.WORKING: "processing",
    TaskStatus.DONE: "succeeded",
    TaskStatus.FAILED: "failed",
    TaskStatus.CANCELED: "failed",
}


def made(task: SimulatedTask) -> list[OutputFile]:
    settings = task.request.get("settings") or {}
    shorter = HEIGHTS[settings.get("resolution") or "720p"]
    longer = shorter * 16 // 9
    form = settings.get("aspect_ratio") or "16:9"
    size = {"16:9": (longer, shorter), "9:16": (shorter, longer), "1:1": (shorter, shorter)}[form]
    return [OutputFile("video.mp4", filmed(task.request["prompt"], size, seconds_of(task)))]


def seconds_of(task: SimulatedTask) -> int:
    return int((task.request.get("settings") or {}).get("duration") or 5)


def external_id_of(task: SimulatedTask) -> str | None:
    return cast("str | None", (task.request.get("options") or {}).get("external_task_id"))


def document_of(task: SimulatedTask, engine: TaskEngine, faults: Faults) -> dict[str, Any]:
    in_force = engine.faults_of(task) | faults
    word = WORDS[task.status]
    if Fault.UNKNOWN_STATUS in in_force and not task.status.is_final:
        word = in_force.text(Fault.UNKNOWN_STATUS)
    document: dict[str, Any] = {"id": task.id, "status": word, "external_id": external_id_of(task)}
    if links := engine.links(task, lifetime_seconds=LINK_SECONDS):
        seconds = str(seconds_of(task))
        document["outputs"] = [{"type": "video", "id": f"v{task.id}", "url": links[0], "duration": seconds}]
    if task.message:
        document["message"] = task.message
    if Fault.MISSING_KEYS in in_force:
        return document
    updated = task.ended_ns or task.started_ns or task.created_ns
    document |= {"create_time": task.created_ns // MILLISECOND, "update_time": updated // MILLISECOND}
    if task.status is TaskStatus.DONE:
        document["billing"] = [{"charge_type": "unit", "amount": UNITS_A_SECOND * seconds_of(task)}]
    return document


@asynccontextmanager
async def opened(context: SandboxContext) -> AsyncIterator[TaskEngine]:
    def ended(task: SimulatedTask) -> None:
        if task.webhook_url:
            body = json.dumps(document_of(task, engine, Faults()))
            context.webhooks.send(owner=task.id, url=task.webhook_url, body=body, final=True, signed=False)

    async with opened_engine(context, TaskRules(vendor=VENDOR_NAME, work=made, ended=ended)) as engine:
        yield engine


def tasks_of(request: Request) -> TaskEngine:
    return cast(TaskEngine, context_of(request).services[VENDOR_NAME])
