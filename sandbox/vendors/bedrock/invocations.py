"""Bedrock's invocations: how a video is made, how an invocation reads, and which objects it leaves in the bucket."""

import base64
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from fastapi import Request
from PIL import Image

from sandbox.clock import stamp
from sandbox.context import SandboxContext, context_of
from sandbox.faults.catalogue import Fault
from sandbox.faults.fault_board import Faults
from sandbox.pictures.upscaling import UNREADABLE, WorkFailedError
from sandbox.pictures.videos import filmed
from sandbox.tasks.engine import OutputFile, TaskEngine, TaskRules, opened_engine
from sandbox.tasks.task import SimulatedTask, TaskStatus
from sandbox.vendors.bedrock.signatures import REGION

VENDOR_NAME: Final = "bedrock"
ACCOUNT: Final = "111122223333"
SHOT_SECONDS: Final = 6
NOVA_REEL: Final = "amazon.nova-reel-v1:1"
LUMA_RAY: Final = "luma.ray-v2:0"
RESULT: Final = "output.mp4"

WORDS: Final[Mapping[TaskStatus, str]] = {
    TaskStatus.QUEUED: "InProgress",
    TaskStatus.WORKING: "InProgress",
    TaskStatus.DONE: "Completed",
    TaskStatus.FAILED: "Failed",
    TaskStatus.CANCELED: "Failed",
}


def nova_reel(task: SimulatedTask) -> list[OutputFile]:
    """One shot, or several with the film that they make."""
    given = task.request["modelInput"]
    wanted = given.get("textToVideoParams") or given["multiShotAutomatedParams"]
    config = given["videoGenerationConfig"]
    width, _, height = str(config["dimension"]).partition("x")
    size, seconds = (int(width), int(height)), int(config["durationSeconds"])
    seed = f"{wanted['text']} {config.get('seed')}"
    shots = [
        OutputFile(f"shot_{number:04}.mp4", filmed(f"{seed} {number}", size, SHOT_SECONDS))
        for number in range(1, seconds // SHOT_SECONDS + 1)
    ]
    if len(shots) == 1:
        first = [one["source"]["bytes"] for one in wanted.get("images") or ()]
        return [OutputFile(RESULT, _filmed_from(first[0], task, size, seconds) if first else shots[0].content)]
    return [OutputFile(RESULT, filmed(seed, size, seconds)), *shots]


def luma_ray(task: SimulatedTask) -> list[OutputFile]:
    given = task.request["modelInput"]
    wide, _, high = str(given.get("aspect_ratio") or "16:9").partition(":")
    shorter = int(str(given.get("resolution") or "720p").removesuffix("p"))
    scale = shorter / min(int(wide), int(high))
    size = (_even(int(wide) * scale), _even(int(high) * scale))
    seconds = int(str(given.get("duration") or "5s").removesuffix("s"))
    first = (given.get("keyframes") or {}).get("frame0")
    if first is not None:
        return [OutputFile(RESULT, _filmed_from(first["source"]["data"], task, size, seconds))]
    return [OutputFile(RESULT, filmed(given["prompt"], size, seconds))]


def _filmed_from(encoded: str, task: SimulatedTask, size: tuple[int, int], seconds: int) -> bytes:
    """Raises WorkFailedError."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(encoded, validate=True))) as picture:
            return filmed(task.id, size, seconds, first=picture)
    except UNREADABLE as unreadable:
        raise WorkFailedError(f"the image cannot be read: {unreadable}") from unreadable


def _even(pixels: float) -> int:
    """H.264 has no odd sizes."""
    return round(pixels / 2) * 2


MAKERS: Final[Mapping[str, Callable[[SimulatedTask], list[OutputFile]]]] = {NOVA_REEL: nova_reel, LUMA_RAY: luma_ray}


def made(task: SimulatedTask) -> list[OutputFile]:
    """The videos, and the documents that Bedrock writes beside them."""
    videos = MAKERS[task.model](task)
    state = {"fullVideo": {"status": "SUCCESS", "location": f"{place_of(task)}/{task.id}/{RESULT}"}}
    documents: dict[str, Any] = {
        "manifest.json": {"version": "1.0", "files": [one.name for one in videos]},
        "video-generation-status.json": state,
    }
    return [*videos, *(OutputFile(name, json.dumps(content).encode()) for name, content in documents.items())]


def place_of(task: SimulatedTask) -> str:
    """The URI that the request names."""
    return str(task.request["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"]).rstrip("/")


def objects_of(task: SimulatedTask, faults: Faults) -> Iterator[tuple[str, str]]:
    """The URI of each object that a finished invocation has written, and its name among the task's outputs."""
    if task.status is TaskStatus.DONE:
        for name in task.outputs:
            if Fault.ZERO_OUTPUTS not in faults or name.endswith(".json"):
                yield f"{place_of(task)}/{task.id}/{name}", name


def arn_of(task_id: str) -> str:
    return f"arn:aws:bedrock:{REGION}:{ACCOUNT}:async-invoke/{task_id}"


def document_of(task: SimulatedTask, engine: TaskEngine, faults: Faults) -> dict[str, Any]:
    in_force = engine.faults_of(task) | faults
    word = WORDS[task.status]
    if Fault.UNKNOWN_STATUS in in_force and not task.status.is_final:
        word = in_force.text(Fault.UNKNOWN_STATUS)
    model = in_force.text(Fault.RENAMED_MODEL) if Fault.RENAMED_MODEL in in_force else task.model
    document: dict[str, Any] = {
        "invocationArn": arn_of(task.id),
        "modelArn": f"arn:aws:bedrock:{REGION}::foundation-model/{model}",
        "status": word,
        "submitTime": stamp(task.created_ns),
        "outputDataConfig": task.request["outputDataConfig"],
    }
    if task.message:
        document["failureMessage"] = task.message
    if Fault.MISSING_KEYS in in_force:
        return document
    document["lastModifiedTime"] = stamp(task.ended_ns or task.started_ns or task.created_ns)
    if task.ended_ns:
        document["endTime"] = stamp(task.ended_ns)
    if task.correlation:
        document["clientRequestToken"] = task.correlation
    return document


@asynccontextmanager
async def opened(context: SandboxContext) -> AsyncIterator[TaskEngine]:
    async with opened_engine(context, TaskRules(vendor=VENDOR_NAME, work=made)) as engine:
        yield engine


def tasks_of(request: Request) -> TaskEngine:
    return cast(TaskEngine, context_of(request).services[VENDOR_NAME])
