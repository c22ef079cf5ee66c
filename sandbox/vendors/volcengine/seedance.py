"""Seedance's tasks: how a video is made, how a task reads, and the callback at its end."""

import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
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

VENDOR_NAME: Final = "volcengine"
LINK_SECONDS: Final = 86_400.0
TOKENS_A_SECOND: Final = 10_000
HEIGHTS: Final[Mapping[str, int]] = {"480p": 480, "720p": 720, "1080p": 1080}
RATIOS: Final[Mapping[str, float]] = {
    "16:9": 16 / 9,
    "4:3": 4 / 3,
    "1:1": 1.0,
    "3:4": 3 / 4,
    "9:16": 9 / 16,
    "21:9": 21 / 9,
}

WORDS: Final[Mapping[TaskStatus, str]] = {
    TaskStatus.QUEUED: "queued",
    TaskStatus.WORKING: "running",
    TaskStatus.DONE: "succeeded",
    TaskStatus.FAILED: "failed",
    TaskStatus.CANCELED: "cancelled",
}


def made(task: SimulatedTask) -> list[OutputFile]:
    request = task.request
    first = _first_frame(request["content"])
    prompt = " ".join(part["text"] for part in request["content"] if part.get("type") == "text")
    size = _size(request.get("resolution") or "720p", request.get("ratio") or "16:9")
    return [OutputFile("video.mp4", filmed(f"{prompt}/{request.get('seed')}", size, seconds_of(task), first=first))]


def seconds_of(task: SimulatedTask) -> int:
    return int(task.request.get("duration") or 5)


def _size(resolution: str, ratio: str) -> tuple[int, int]:
    """The shorter side is what the resolution says; both are multiples of 16, as codecs like them."""
    shorter, form = HEIGHTS[resolution], RATIOS[ratio]
    width, height = (shorter * form, shorter) if form >= 1 else (shorter, shorter / form)
    return round(width / 16) * 16, round(height / 16) * 16


def _first_frame(content: list[dict[str, Any]]) -> Image.Image | None:
    link = next((part["image_url"]["url"] for part in content if part.get("type") == "image_url"), None)
    if link is None:
        return None
    try:
        with Image.open(io.BytesIO(loaded(link))) as opened_one:
            return opened_one.convert("RGB")
    except UNREADABLE as unreadable:
        raise WorkFailedError(f"The image cannot be read: {unreadable}") from unreadable


def document_of(task: SimulatedTask, engine: TaskEngine, faults: Faults) -> dict[str, Any]:
    in_force = engine.faults_of(task) | faults
    word = WORDS[task.status]
    if Fault.UNKNOWN_STATUS in in_force and not task.status.is_final:
        word = in_force.text(Fault.UNKNOWN_STATUS)
    document: dict[str, Any] = {"id": task.id, "status": word}
    if links := engine.links(task, lifetime_seconds=LINK_SECONDS):
        document["content"] = {"video_url": links[0]}
    if task.status is TaskStatus.FAILED:
        document["error"] = {"code": "InternalServiceError", "message": task.message}
    if Fault.MISSING_KEYS in in_force:
        return document
    model = in_force.text(Fault.RENAMED_MODEL) if Fault.RENAMED_MODEL in in_force else task.model
    created = task.created_ns // NANOSECONDS
    updated = (task.ended_ns or task.started_ns or task.created_ns) // NANOSECONDS
    document |= {"model": model, "created_at": created, "updated_at": updated, "service_tier": "default"}
    if task.status is TaskStatus.DONE:
        tokens = TOKENS_A_SECOND * seconds_of(task)
        document |= {"usage": {"completion_tokens": tokens, "total_tokens": tokens}, "duration": seconds_of(task)}
    return document


@asynccontextmanager
async def opened(context: SandboxContext) -> AsyncIterator[TaskEngine]:
    def ended(task: SimulatedTask) -> None:
        if task.webhook_url and task.status is not TaskStatus.CANCELED:
            body = json.dumps(document_of(task, engine, Faults()))
            context.webhooks.send(owner=task.id, url=task.webhook_url, body=body, final=True, signed=False)

    async with opened_engine(context, TaskRules(vendor=VENDOR_NAME, work=made, ended=ended)) as engine:
        yield engine


def tasks_of(request: Request) -> TaskEngine:
    return cast(TaskEngine, context_of(request).services[VENDOR_NAME])
