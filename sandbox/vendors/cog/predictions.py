"""Predictions: what the served model takes and paints, how a prediction reads, and its webhooks."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

from fastapi import Request
from pydantic import BaseModel, Field

from sandbox.clock import NANOSECONDS, now_ns, stamp
from sandbox.context import SandboxContext, context_of
from sandbox.faults.catalogue import Fault
from sandbox.output_host import blob_name
from sandbox.pictures.landscapes import encoded, landscape
from sandbox.tasks.engine import OutputFile, TaskEngine, TaskRules, opened_engine
from sandbox.tasks.task import SimulatedTask, TaskStatus

VENDOR_NAME: Final = "cog"
SLOTS: Final = 8  #: predictions that run at once; the next one is refused
ENDS: Final = {TaskStatus.DONE: "succeeded", TaskStatus.FAILED: "failed", TaskStatus.CANCELED: "canceled"}


class Painting(BaseModel):
    """What the served model takes. Other names are taken in silence."""

    prompt: str = Field(description="What to paint.")
    width: int = Field(default=256, ge=16, le=1024)
    height: int = Field(default=192, ge=16, le=1024)
    seed: int | None = None


def openapi() -> dict[str, Any]:
    """The document that `cog build` makes of a model, with what is read of it."""
    output = {"title": "Output", "type": "string", "format": "uri"}
    schemas = {"Input": Painting.model_json_schema(), "Output": output}
    return {"openapi": "3.0.2", "info": {"title": "Cog", "version": "0.1.0"}, "components": {"schemas": schemas}}


@dataclass(frozen=True)
class CogService:
    """The predictions since `started_ns`. Implements VendorService."""

    tasks: TaskEngine
    started_ns: int

    def in_flight(self) -> list[SimulatedTask]:
        return [task for task in self.tasks if not task.status.is_final]

    def running(self, prediction_id: str) -> SimulatedTask | None:
        """Once it has ended it is forgotten."""
        return next((task for task in self.in_flight() if task.request["id"] == prediction_id), None)

    def health(self) -> dict[str, Any]:
        setup = {"started_at": stamp(self.started_ns), "completed_at": stamp(self.started_ns), "status": "succeeded"}
        return {"status": "BUSY" if len(self.in_flight()) >= SLOTS else "READY", "setup": setup}

    async def reset(self) -> None:
        await self.tasks.reset()


def painted(task: SimulatedTask) -> list[OutputFile]:
    painting = Painting.model_validate(task.request["input"])
    picture = landscape(f"{painting.prompt}/{painting.seed}", (painting.width, painting.height))
    return [OutputFile("out.png", encoded(picture))]


def document_of(task: SimulatedTask, tasks: TaskEngine) -> dict[str, Any]:
    """As it is told of. Work begins at once: there is no queue."""
    faults = tasks.faults_of(task)
    document: dict[str, Any] = {"id": task.request["id"], "status": ENDS.get(task.status, "processing")}
    if Fault.UNKNOWN_STATUS in faults and not task.status.is_final:
        document["status"] = faults.text(Fault.UNKNOWN_STATUS)
    if Fault.MISSING_KEYS not in faults:
        seconds = ((task.ended_ns or now_ns()) - task.created_ns) / NANOSECONDS
        document |= {"logs": "", "metrics": {"predict_time": seconds} if task.status.is_final else {}}
    if task.status is TaskStatus.DONE:
        document["output"] = _output(task, tasks)
    if task.status is TaskStatus.FAILED:
        document["error"] = f"Prediction failed: {task.message}"
    return document


def _output(task: SimulatedTask, tasks: TaskEngine) -> str | None:
    """The picture itself, as a data link."""
    faults = tasks.faults_of(task)
    if Fault.ZERO_OUTPUTS in faults:
        return None
    if Fault.OUTPUT_AT in faults:
        return faults.text(Fault.OUTPUT_AT)
    content = tasks.context.blobs.read(blob_name(task.id, task.outputs[0]))
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def tell(task: SimulatedTask, tasks: TaskEngine) -> None:
    """Send a webhook, if one was asked for at this point."""
    event = "completed" if task.status.is_final else "start"
    if task.webhook_url and event in (task.request.get("webhook_events_filter") or ("start", "completed")):
        body, final = json.dumps(document_of(task, tasks)), task.status.is_final
        tasks.context.webhooks.send(owner=task.id, url=task.webhook_url, body=body, final=final, signed=False)


@asynccontextmanager
async def opened(context: SandboxContext) -> AsyncIterator[CogService]:
    def ended(task: SimulatedTask) -> None:
        tell(task, tasks)

    async with opened_engine(context, TaskRules(vendor=VENDOR_NAME, work=painted, ended=ended)) as tasks:
        yield CogService(tasks, now_ns())


def service_of(request: Request) -> CogService:
    return cast(CogService, context_of(request).services[VENDOR_NAME])
