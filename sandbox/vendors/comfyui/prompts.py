"""Prompts: their queue, their history, their files. Unlike the real server, this one works on several at once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

from fastapi import Request

from sandbox.context import SandboxContext, context_of
from sandbox.faults.catalogue import Fault
from sandbox.output_host import blob_name
from sandbox.pictures.landscapes import encoded, landscape
from sandbox.tasks.engine import OutputFile, TaskEngine, TaskRules, opened_engine
from sandbox.tasks.task import SimulatedTask, TaskStatus
from sandbox.vendors.comfyui.nodes import saved

VENDOR_NAME: Final = "comfyui"
INPUTS: Final = "comfyui-inputs"  #: the owner of uploads among the blobs
EXAMPLE: Final = "example.png"
EXAMPLE_SIZE: Final = (48, 32)
LAST: Final = {
    TaskStatus.DONE: "execution_success",
    TaskStatus.FAILED: "execution_error",
    TaskStatus.CANCELED: "execution_interrupted",
}


@dataclass(frozen=True)
class ComfyService:
    """The prompts that the server remembers, and its inputs. Implements VendorService; a reset is a restart."""

    tasks: TaskEngine
    context: SandboxContext

    def find(self, prompt_id: str) -> SimulatedTask | None:
        """The last one with this id."""
        return next((task for task in reversed(list(self.tasks)) if task.request["prompt_id"] == prompt_id), None)

    def has_input(self, name: str) -> bool:
        return name == EXAMPLE or self.context.blobs.has(_input(name))

    def keep_input(self, name: str, content: bytes) -> None:
        self.context.blobs.write(_input(name), content)

    def file(self, name: str) -> bytes | None:
        task = next((task for task in self.tasks if name in task.outputs), None)
        return self.context.blobs.read(blob_name(task.id, name)) if task else None

    async def reset(self) -> None:
        await self.tasks.reset()


def _input(name: str) -> str:
    return blob_name(INPUTS, name.replace("/", "-"))


def item_of(task: SimulatedTask) -> list[Any]:
    """As it stands in the queue."""
    extra = {"client_id": task.request["client_id"]} if task.request.get("client_id") else {}
    saving = [key for key, node in task.request["prompt"].items() if node["class_type"] == "SaveImage"]
    return [task.request["number"], task.request["prompt_id"], task.request["prompt"], extra, saving]


def entry_of(task: SimulatedTask, tasks: TaskEngine) -> dict[str, Any]:
    """As it stands in the history, once it has ended."""
    faults = tasks.faults_of(task)
    names = [] if Fault.ZERO_OUTPUTS in faults or task.status is not TaskStatus.DONE else task.outputs
    outputs = {name.partition("-")[0]: {"images": [_image(name)]} for name in names}
    event: dict[str, Any] = {"prompt_id": task.request["prompt_id"]}
    if task.status is TaskStatus.FAILED:
        event |= {"node_id": "3", "node_type": "KSampler", "exception_message": task.message}
    word = "success" if task.status is TaskStatus.DONE else "error"
    status = {"status_str": word, "completed": word == "success", "messages": [[LAST[task.status], event]]}
    return {"prompt": item_of(task), "outputs": outputs, "status": status, "meta": {}}


def _image(name: str) -> dict[str, str]:
    return {"filename": name, "subfolder": "", "type": "output"}


@asynccontextmanager
async def opened(context: SandboxContext) -> AsyncIterator[ComfyService]:
    def read_input(name: str) -> bytes | None:
        if name == EXAMPLE:
            return encoded(landscape(EXAMPLE, EXAMPLE_SIZE))
        return context.blobs.read(_input(name)) if context.blobs.has(_input(name)) else None

    def work(task: SimulatedTask) -> list[OutputFile]:
        pictures = saved(task.request["prompt"], read_input)
        return [
            OutputFile(f"{key}-{prefix}_{task.id}_.png", encoded(picture))
            for key, (prefix, picture) in pictures.items()
        ]

    async with opened_engine(context, TaskRules(vendor=VENDOR_NAME, work=work)) as tasks:
        yield ComfyService(tasks, context)


def service_of(request: Request) -> ComfyService:
    return cast(ComfyService, context_of(request).services[VENDOR_NAME])
