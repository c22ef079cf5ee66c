"""Responses in the background: how each reads, what it writes into its conversation, and the webhook at its end."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from fastapi import Request

from sandbox.clock import NANOSECONDS
from sandbox.context import SandboxContext, context_of
from sandbox.faults.catalogue import Fault
from sandbox.faults.fault_board import Faults
from sandbox.ids_and_links import new_id
from sandbox.output_host import blob_name
from sandbox.tasks.engine import TaskEngine, TaskRules, opened_engine
from sandbox.tasks.task import SimulatedTask, TaskStatus
from sandbox.vendors.openai.answering import made, prompt_of, tool_of

VENDOR_NAME: Final = "openai"
KIND_OF_WEBHOOKS: Final = "openai.webhooks"  #: the project's, by a name of its own
KIND_OF_CONVERSATIONS: Final = "openai.conversations"

WORDS: Final[Mapping[TaskStatus, str]] = {
    TaskStatus.QUEUED: "queued",
    TaskStatus.WORKING: "in_progress",
    TaskStatus.DONE: "completed",
    TaskStatus.FAILED: "failed",
    TaskStatus.CANCELED: "cancelled",
}
TOKENS_OF_A_WORD: Final = 2


def response_document(task: SimulatedTask, engine: TaskEngine, faults: Faults) -> dict[str, Any]:
    in_force = engine.faults_of(task) | faults
    word = WORDS[task.status]
    if Fault.UNKNOWN_STATUS in in_force and not task.status.is_final:
        word = in_force.text(Fault.UNKNOWN_STATUS)
    failed = task.status is TaskStatus.FAILED
    done = task.status is TaskStatus.DONE and Fault.ZERO_OUTPUTS not in in_force
    document: dict[str, Any] = {
        "id": task.id,
        "object": "response",
        "created_at": task.created_ns // NANOSECONDS,
        "status": word,
        "background": True,
        "error": {"code": "server_error", "message": task.message} if failed else None,
        "incomplete_details": None,
        "model": in_force.text(Fault.RENAMED_MODEL) if Fault.RENAMED_MODEL in in_force else task.model,
        "output": items_of(task, engine) if done else [],
        "text": task.request.get("text") or {"format": {"type": "text"}},
        "tools": task.request.get("tools") or [],
        "tool_choice": task.request.get("tool_choice") or "auto",
        "parallel_tool_calls": True,
        "conversation": {"id": task.request["conversation"]} if task.request.get("conversation") else None,
        "metadata": task.request.get("metadata") or {},
        "store": True,
        "usage": _usage(task) if done else None,
        "completed_at": task.ended_ns // NANOSECONDS if task.ended_ns else None,
    }
    if Fault.MISSING_KEYS in in_force:
        return {key: document[key] for key in ("id", "object", "status", "output", "error", "model")}
    return document


def items_of(task: SimulatedTask, engine: TaskEngine) -> list[dict[str, Any]]:
    """The output of a response that has completed."""
    name = task.outputs[0]
    content = engine.context.blobs.read(blob_name(task.id, name))
    suffix = task.id.removeprefix("resp_")
    if tool_of(task.request) is not None:
        picture = base64.b64encode(content).decode()
        return [{"id": f"ig_{suffix}", "type": "image_generation_call", "status": "completed", "result": picture}]
    part = {"type": "output_text", "text": content.decode(), "annotations": [], "logprobs": []}
    message = {"id": f"msg_{suffix}", "type": "message", "role": "assistant", "status": "completed"}
    return [{**message, "content": [part]}]


def conversation_items(conversation: str, engine: TaskEngine) -> list[dict[str, Any]]:
    """What its completed responses were asked, and what they said."""
    items: list[dict[str, Any]] = []
    for task in engine:
        if task.request.get("conversation") == conversation and task.status is TaskStatus.DONE:
            asked = [{"type": "input_text", "text": prompt_of(task.request)}]
            user = {"id": f"msg_in_{task.id}", "type": "message", "role": "user", "status": "completed"}
            items += [{**user, "content": asked}, *items_of(task, engine)]
    return items


def _usage(task: SimulatedTask) -> dict[str, Any]:
    asked = TOKENS_OF_A_WORD * len(prompt_of(task.request).split())
    return {
        "input_tokens": asked,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": asked,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 2 * asked,
    }


@asynccontextmanager
async def opened(context: SandboxContext) -> AsyncIterator[TaskEngine]:
    def ended(task: SimulatedTask) -> None:
        for url in context.archive.all(KIND_OF_WEBHOOKS):
            event = {
                "id": f"evt_{new_id()}",
                "object": "event",
                "type": f"response.{WORDS[task.status]}",
                "created_at": (task.ended_ns or 0) // NANOSECONDS,
                "data": {"id": task.id},
            }
            context.webhooks.send(owner=task.id, url=url, body=json.dumps(event), final=True)

    async with opened_engine(context, TaskRules(vendor=VENDOR_NAME, work=made, ended=ended)) as engine:
        yield engine


def responses_of(request: Request) -> TaskEngine:
    return cast(TaskEngine, context_of(request).services[VENDOR_NAME])
