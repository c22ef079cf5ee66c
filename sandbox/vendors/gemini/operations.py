"""Operations of Veo: how a video is made, and how an operation reads, which has no word for its status."""

import base64
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from fastapi import Request
from PIL import Image

from sandbox.context import SandboxContext, context_of
from sandbox.faults.catalogue import Fault
from sandbox.faults.fault_board import Faults
from sandbox.pictures.upscaling import UNREADABLE, WorkFailedError
from sandbox.pictures.videos import filmed
from sandbox.tasks.engine import OutputFile, TaskEngine, TaskRules, opened_engine
from sandbox.tasks.task import SimulatedTask, TaskStatus

VENDOR_NAME: Final = "gemini"
VIDEO: Final = "video.mp4"
ABOUT: Final = "type.googleapis.com/google.ai.generativelanguage.v1beta.{}"
RESPONSE: Final = ABOUT.format("PredictLongRunningResponse")
INTERNAL: Final = 13  #: of gRPC
FILTERED: Final = "Sorry, we can't create videos with this content. Try a different prompt. You will not be charged."


def made(task: SimulatedTask) -> list[OutputFile]:
    """A video of the prompt, or of the picture that is its first frame."""
    instance, parameters = task.request["instances"][0], task.request.get("parameters") or {}
    shorter = int(str(parameters.get("resolution") or "720p").removesuffix("p"))
    longer = shorter * 16 // 9
    size = (shorter, longer) if parameters.get("aspectRatio") == "9:16" else (longer, shorter)
    seconds = parameters.get("durationSeconds") or 8
    image = instance.get("image")
    if image is None:
        return [OutputFile(VIDEO, filmed(instance["prompt"], size, seconds))]
    try:
        with Image.open(io.BytesIO(base64.b64decode(image["bytesBase64Encoded"], validate=True))) as picture:
            return [OutputFile(VIDEO, filmed(task.id, size, seconds, first=picture))]
    except UNREADABLE as unreadable:
        raise WorkFailedError(f"Unable to process input image: {unreadable}") from unreadable


def name_of(task: SimulatedTask) -> str:
    return f"models/{task.model}/operations/{task.id}"


def document_of(task: SimulatedTask, engine: TaskEngine, faults: Faults) -> dict[str, Any]:
    in_force = engine.faults_of(task) | faults
    document: dict[str, Any] = {"name": name_of(task)}
    if Fault.MISSING_KEYS not in in_force:
        word = in_force.text(Fault.UNKNOWN_STATUS) if Fault.UNKNOWN_STATUS in in_force else "PredictLongRunningMetadata"
        document["metadata"] = {"@type": ABOUT.format(word)}
    if not task.status.is_final:
        return document
    document["done"] = True
    if task.status is TaskStatus.DONE:
        return {**document, "response": {"@type": RESPONSE, "generateVideoResponse": _videos(task, engine, in_force)}}
    return {**document, "error": {"code": INTERNAL, "message": task.message}}


def _videos(task: SimulatedTask, engine: TaskEngine, in_force: Faults) -> dict[str, Any]:
    """Without any, a filter has held them back: the operation is a success all the same, and free."""
    if Fault.ZERO_OUTPUTS in in_force:
        return {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": [FILTERED]}
    if Fault.OUTPUT_AT in in_force:
        return {"generatedSamples": [{"video": {"uri": in_force.text(Fault.OUTPUT_AT)}}]}
    file = f"{engine.context.config.base_url}/v1beta/files/{task.id}:download?alt=media"
    return {"generatedSamples": [{"video": {"uri": file}}]}


@asynccontextmanager
async def opened(context: SandboxContext) -> AsyncIterator[TaskEngine]:
    async with opened_engine(context, TaskRules(vendor=VENDOR_NAME, work=made)) as engine:
        yield engine


def tasks_of(request: Request) -> TaskEngine:
    return cast(TaskEngine, context_of(request).services[VENDOR_NAME])
