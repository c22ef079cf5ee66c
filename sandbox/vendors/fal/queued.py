"""Requests in fal's queue: how each reads, its result, and the signed webhook at its end."""

import base64
import hashlib
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any, Final, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Request
from PIL import Image
from pydantic import ValidationError

from sandbox.clock import NANOSECONDS, stamp
from sandbox.context import SandboxContext, context_of
from sandbox.faults.catalogue import Fault
from sandbox.faults.fault_board import Faults
from sandbox.output_host import blob_name
from sandbox.pictures.upscaling import MEDIA_TYPES, WorkFailedError
from sandbox.tasks.engine import OutputFile, TaskEngine, TaskRules, opened_engine
from sandbox.tasks.task import SimulatedTask, TaskStatus
from sandbox.vendors.fal.endpoints import ENDPOINTS, owned_part

VENDOR_NAME: Final = "fal"
LINK_SECONDS: Final = 86_400.0
USER: Final = "user_sandbox"
CANCELED: Final = "Request was cancelled by the client"

WORDS: Final[Mapping[TaskStatus, str]] = {
    TaskStatus.QUEUED: "IN_QUEUE",
    TaskStatus.WORKING: "IN_PROGRESS",
    TaskStatus.DONE: "COMPLETED",
    TaskStatus.FAILED: "COMPLETED",
    TaskStatus.CANCELED: "COMPLETED",
}


def made(task: SimulatedTask) -> list[OutputFile]:
    """Only here is the input checked: the queue takes anything."""
    endpoint = ENDPOINTS[task.model]
    try:
        request = endpoint.taken.model_validate(task.request)
    except ValidationError as invalid:
        wrong = [{"loc": ["body", *one["loc"]], "msg": one["msg"], "type": one["type"]} for one in invalid.errors()]
        raise WorkFailedError(json.dumps(wrong)) from invalid
    return endpoint.work(request)


def wrong_fields_of(task: SimulatedTask) -> list[dict[str, Any]] | None:
    """What was wrong with the input of a request that failed for it."""
    if task.status is not TaskStatus.FAILED or not (task.message or "").startswith("[{"):
        return None
    return cast("list[dict[str, Any]]", json.loads(task.message or ""))


def urls_of(task: SimulatedTask, base_url: str) -> dict[str, str]:
    request = f"{base_url}/fal/queue/{owned_part(task.model)}/requests/{task.id}"
    return {"status_url": f"{request}/status", "response_url": request, "cancel_url": f"{request}/cancel"}


def status_document(task: SimulatedTask, engine: TaskEngine, faults: Faults, *, with_logs: bool) -> dict[str, Any]:
    in_force = engine.faults_of(task) | faults
    word = WORDS[task.status]
    if Fault.UNKNOWN_STATUS in in_force and not task.status.is_final:
        word = in_force.text(Fault.UNKNOWN_STATUS)
    document: dict[str, Any] = {"status": word, "request_id": task.id, **urls_of(task, engine.context.config.base_url)}
    if task.status is TaskStatus.QUEUED:
        document["queue_position"] = _ahead_of(task, engine)
    elif Fault.MISSING_KEYS not in in_force:
        document["logs"] = (
            None
            if not with_logs
            else [{"message": "working", "level": "INFO", "source": "USER", "timestamp": stamp(task.created_ns)}]
        )
    if task.status.is_final and Fault.MISSING_KEYS not in in_force:
        document["metrics"] = {"inference_time": _seconds(task)}
    return document | _failure(task)


def _failure(task: SimulatedTask) -> dict[str, Any]:
    """An invalid input is told only by the result."""
    if task.status is TaskStatus.CANCELED:
        return {"error": CANCELED, "error_type": "client_cancelled"}
    if task.status is TaskStatus.FAILED and wrong_fields_of(task) is None:
        return {"error": task.message, "error_type": "internal_error"}
    return {}


def _ahead_of(task: SimulatedTask, engine: TaskEngine) -> int:
    return sum(one.status is TaskStatus.QUEUED and one.created_ns < task.created_ns for one in engine)


def _seconds(task: SimulatedTask) -> float:
    return ((task.ended_ns or 0) - (task.started_ns or task.ended_ns or 0)) / NANOSECONDS


def result_document(task: SimulatedTask, engine: TaskEngine) -> dict[str, Any]:
    """Of a request that has succeeded."""
    links = engine.links(task, lifetime_seconds=LINK_SECONDS)
    files = [_file(task, engine.context, link) for link in links]
    if task.model == "fal-ai/esrgan":
        return {"image": files[0]} if files else {}
    seed = task.request.get("seed")
    drawn_seed = seed if isinstance(seed, int) else random.Random(task.id).getrandbits(32)
    return {"images": files, "seed": drawn_seed, "prompt": task.request.get("prompt")} if files else {}


def _file(task: SimulatedTask, context: SandboxContext, link: str) -> dict[str, Any]:
    name = link.rpartition("/")[2]
    path = context.blobs.path(blob_name(task.id, name))
    if not path.is_file():  # a fault has put another link here
        return {"url": link, "content_type": "image/png", "file_name": name, "file_size": 0, "width": 0, "height": 0}
    with Image.open(path) as picture:
        width, height = picture.size
    media_type = MEDIA_TYPES.get(name.rpartition(".")[2], "application/octet-stream")
    size = path.stat().st_size
    return {
        "url": link,
        "content_type": media_type,
        "file_name": name,
        "file_size": size,
        "width": width,
        "height": height,
    }


def webhook_body(task: SimulatedTask, engine: TaskEngine) -> dict[str, Any]:
    event = {"request_id": task.id, "gateway_request_id": task.id}
    if task.status is TaskStatus.DONE:
        return {**event, "status": "OK", "payload": result_document(task, engine)}
    wrong = wrong_fields_of(task)
    if wrong is not None:
        return {**event, "status": "ERROR", "error": "Invalid status code: 422", "payload": {"detail": wrong}}
    return {**event, "status": "ERROR", "error": task.message or CANCELED, "payload": None}


def signing_key(context: SandboxContext, *, forged: bool = False) -> Ed25519PrivateKey:
    """Made of the secret that all of a sandbox's webhooks are signed with."""
    seed = hashlib.sha256(f"fal {forged} {context.webhooks.secret}".encode()).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def webhook_keys(context: SandboxContext) -> dict[str, Any]:
    """As a JWKS document."""
    raw = signing_key(context).public_key().public_bytes_raw()
    x = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    return {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]}


def signed(context: SandboxContext, request_id: str, body: str, at: datetime, forged: bool) -> dict[str, str]:  # noqa: FBT001
    timestamp = str(int(at.timestamp()))
    message = "\n".join([request_id, USER, timestamp, hashlib.sha256(body.encode()).hexdigest()])
    return {
        "x-fal-webhook-request-id": request_id,
        "x-fal-webhook-user-id": USER,
        "x-fal-webhook-timestamp": timestamp,
        "x-fal-webhook-signature": signing_key(context, forged=forged).sign(message.encode()).hex(),
    }


@asynccontextmanager
async def opened(context: SandboxContext) -> AsyncIterator[TaskEngine]:
    def ended(task: SimulatedTask) -> None:
        if task.webhook_url:
            context.webhooks.send(
                owner=task.id,
                url=task.webhook_url,
                body=json.dumps(webhook_body(task, engine)),
                final=True,
                sign=partial(signed, context, task.id),
            )

    async with opened_engine(context, TaskRules(vendor=VENDOR_NAME, work=made, ended=ended)) as engine:
        yield engine


def queue_of(request: Request) -> TaskEngine:
    return cast(TaskEngine, context_of(request).services[VENDOR_NAME])
