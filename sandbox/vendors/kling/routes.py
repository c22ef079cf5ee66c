"""Kling's HTTP API: a create for each kind of task, and one place to look tasks up."""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import JSONResponse, Response

from sandbox.call import Refusal, VendorCall
from sandbox.clock import now_ns
from sandbox.context import bearer_account, vendor_call
from sandbox.faults.catalogue import Fault, Operation
from sandbox.ids_and_links import new_id
from sandbox.tasks.engine import TaskEngine
from sandbox.tasks.task import SimulatedTask
from sandbox.vendors.kling.videos import document_of, external_id_of, tasks_of

CODES: Final[Mapping[int, tuple[int, str]]] = {
    400: (1200, "Invalid request parameters"),
    401: (1000, "Authentication failed"),
    402: (1102, "Resource pack depleted"),
    404: (1203, "The requested resource does not exist"),
    422: (1200, "Invalid request parameters"),
    429: (1303, "parallel task over resource pack limit"),
}
FAILURE: Final = (5000, "Server internal error")


class TaskSettings(BaseModel):
    """How the video is made."""

    model_config = ConfigDict(extra="allow", strict=True)

    aspect_ratio: Literal["16:9", "9:16", "1:1"] | None = None
    resolution: Literal["720p", "1080p"] | None = None
    duration: int | None = Field(default=None, ge=3, le=15)
    audio: bool | None = None


class TaskOptions(BaseModel):
    """What is the caller's own."""

    model_config = ConfigDict(extra="allow", strict=True)

    external_task_id: str | None = None
    callback_url: str | None = Field(default=None, pattern=r"^https?://\S+$")


class VideoRequest(BaseModel):
    """The body of a create."""

    model_config = ConfigDict(extra="allow", strict=True)

    prompt: str = Field(min_length=1)
    settings: TaskSettings = TaskSettings()
    options: TaskOptions = TaskOptions()


def error_response(status: int, headers: Mapping[str, str], code: int | None = None, message: str = "") -> Response:
    usual_code, usual = CODES.get(status, FAILURE)
    body = {"code": code or usual_code, "message": message or usual, "request_id": new_id()}
    return JSONResponse(body, {402: 429, 422: 400}.get(status, status), headers)


router = APIRouter()
Account = Annotated[str, Depends(bearer_account(error_response))]
Tasks = Annotated[TaskEngine, Depends(tasks_of)]
CreateCall = Annotated[VendorCall, Depends(vendor_call(Operation.CREATE, error_response))]


@router.post("/text-to-video/{model}")
async def create(request: Request, account: Account, call: CreateCall, tasks: Tasks, model: str) -> Response:
    body = _checked(await request.body())
    await call.raise_if_refused()
    ours = body.options.external_task_id
    if ours is not None and any(external_id_of(task) == ours for task in tasks if task.account == account):
        raise Refusal(error_response(400, {}, 1201, "external_task_id is not unique"))
    task = SimulatedTask(
        id=str(secrets.randbelow(10**18)),
        account=account,
        model=model,
        request=body.model_dump(exclude_none=True),
        created_ns=now_ns(),
        webhook_url=body.options.callback_url,
        correlation=ours,
    )
    tasks.accept(task, call.lasting_faults)
    if Fault.WEBHOOK_EARLY in tasks.faults_of(task) and task.webhook_url:
        await tasks.context.webhooks.first_delivered(task.id)
    document = document_of(task, tasks, call.faults)
    if Fault.NO_ID in call.faults:
        del document["id"]
    return await call.answer(_enveloped(document))


@router.get("/tasks")
async def look_up(request: Request, account: Account, tasks: Tasks) -> Response:
    """By the ids of tasks, or by the callers' own; what is not there is left out."""
    by_external = "external_task_ids" in request.query_params
    call = await _call(request, by_external=by_external)
    wanted = request.query_params.get("external_task_ids" if by_external else "task_ids", "").split(",")
    found = [task for task in tasks if task.account == account and _id_of(task, by_external=by_external) in wanted]
    if not by_external:
        for task in found:
            call.join(tasks.context.board.take(Operation.GET, task.id))
        await call.raise_if_refused()
    shown = [task for task in found if not (by_external and call.hides(task.created_ns))]
    return await call.answer(_enveloped([document_of(task, tasks, call.faults) for task in shown]))


async def _call(request: Request, *, by_external: bool) -> VendorCall:
    """A look-up by the callers' ids counts as a list, since that is what a lost task is searched by."""
    return await vendor_call(Operation.LIST if by_external else Operation.GET, error_response)(request)


def _id_of(task: SimulatedTask, *, by_external: bool) -> str | None:
    return external_id_of(task) if by_external else task.id


def _enveloped(data: object) -> dict[str, Any]:
    return {"code": 0, "message": "SUCCEED", "request_id": new_id(), "data": data}


def _checked(body: bytes) -> VideoRequest:
    """Raises Refusal (400)."""
    try:
        return VideoRequest.model_validate_json(body)
    except ValidationError as invalid:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in invalid.errors())
        raise Refusal(error_response(400, {}, None, wrong)) from None
