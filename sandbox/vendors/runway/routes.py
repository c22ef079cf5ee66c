"""Runway's HTTP API: a film of a picture, tasks, and the account."""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import JSONResponse, Response

from sandbox.call import Refusal, VendorCall
from sandbox.clock import now_ns
from sandbox.context import context_of, vendor_call
from sandbox.faults.catalogue import Fault, Operation
from sandbox.faults.fault_board import faults_in, faults_in_url
from sandbox.tasks.engine import TaskEngine
from sandbox.tasks.task import SimulatedTask
from sandbox.vendors.runway.films import document_of, tasks_of

VERSION: Final = "2024-11-06"

MESSAGES: Final = {
    401: "The API key you provided is not valid.",
    402: "You do not have enough credits to run this task.",
    404: "The requested resource was not found.",
    422: "Validation of body failed",
    429: "You have reached your daily task limit.",
}

Ratio = Literal["1280:720", "720:1280", "1104:832", "832:1104", "960:960", "1584:672"]


class ImageToVideoRequest(BaseModel):
    """A film of a picture."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: Literal["gen4_turbo", "gen3a_turbo"]
    promptImage: str = Field(pattern=r"^(https?://|data:image/)")  # noqa: N815 - Runway's own spelling
    ratio: Ratio
    promptText: str | None = Field(default=None, min_length=1, max_length=1000)  # noqa: N815
    duration: int | None = Field(default=None, ge=2, le=10)
    seed: int | None = Field(default=None, ge=0, le=4_294_967_295)


def error_response(status: int, headers: Mapping[str, str]) -> Response:
    """An invalid input is 400."""
    sent = 400 if status == 422 else status
    return JSONResponse({"error": MESSAGES.get(status, "An unexpected error occurred.")}, sent, headers)


def account_of(request: Request) -> str:
    """The account of the bearer. Raises Refusal (401), and 400 without the version that is asked for."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    accepted = context_of(request).config.tokens
    if scheme != "Bearer" or not key.strip() or (accepted and key.strip() not in accepted):
        raise Refusal(error_response(401, {}))
    if request.headers.get("x-runway-version") != VERSION:
        raise Refusal(JSONResponse({"error": "The X-Runway-Version header is required, and must be supported."}, 400))
    return hashlib.sha256(key.encode()).hexdigest()[:16]


router = APIRouter()
Account = Annotated[str, Depends(account_of)]
Tasks = Annotated[TaskEngine, Depends(tasks_of)]
CreateCall = Annotated[VendorCall, Depends(vendor_call(Operation.CREATE, error_response))]
GetCall = Annotated[VendorCall, Depends(vendor_call(Operation.GET, error_response))]
CancelCall = Annotated[VendorCall, Depends(vendor_call(Operation.CANCEL, error_response))]
OtherCall = Annotated[VendorCall, Depends(vendor_call(Operation.OTHER, error_response))]


@router.post("/v1/image_to_video")
async def image_to_video(request: Request, account: Account, call: CreateCall, tasks: Tasks) -> Response:
    body = _checked(await request.body())
    call.join(faults_in(faults_in_url(body.promptImage), during=Operation.CREATE))
    await call.raise_if_refused()
    task = tasks.accept(
        SimulatedTask(
            id=str(uuid.uuid4()),
            account=account,
            model=body.model,
            request=body.model_dump(exclude_none=True),
            created_ns=now_ns(),
        ),
        call.lasting_faults,
    )
    return await call.answer({"id": task.id})


@router.get("/v1/tasks/{task_id}")
async def get_task(account: Account, call: GetCall, tasks: Tasks, task_id: str) -> Response:
    task = tasks.find(task_id, account=account)
    if task is None:
        raise Refusal(error_response(404, {}))
    call.join(tasks.context.board.take(Operation.GET, task.id))
    await call.raise_if_refused()
    return await call.answer(document_of(task, tasks, call.faults))


@router.delete("/v1/tasks/{task_id}")
async def cancel_or_delete(account: Account, call: CancelCall, tasks: Tasks, task_id: str) -> Response:
    """A task that works is stopped; one that has ended is erased, with its results."""
    await call.raise_if_refused()
    task = tasks.find(task_id, account=account)
    if Fault.CANCEL_REFUSED in call.faults:
        raise Refusal(error_response(call.faults.status(Fault.CANCEL_REFUSED), {}))
    if task is not None and Fault.CANCEL_IGNORED not in call.faults and not tasks.cancel(task):
        tasks.remove(task)
    return await call.send(Response(status_code=204))


@router.get("/v1/organization")
async def organization(_: Account, call: OtherCall) -> Response:
    await call.raise_if_refused()
    limits = {"maxConcurrentGenerations": 2, "maxDailyGenerations": 500}
    return await call.answer({"creditBalance": 10_000, "tier": {"models": {"gen4_turbo": limits}}})


def _checked(body: bytes) -> ImageToVideoRequest:
    """Raises Refusal (400)."""
    try:
        return ImageToVideoRequest.model_validate_json(body)
    except ValidationError as invalid:
        issues = [{"path": list(one["loc"]), "message": one["msg"], "code": one["type"]} for one in invalid.errors()]
        raise Refusal(JSONResponse({"error": MESSAGES[422], "issues": issues}, 400)) from None
