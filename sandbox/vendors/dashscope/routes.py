"""DashScope's HTTP API for asynchronous video synthesis."""

import re
import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import JSONResponse, Response

from sandbox.call import Refusal, VendorCall
from sandbox.clock import now_ns
from sandbox.context import bearer_account, vendor_call
from sandbox.faults.catalogue import Fault, Operation
from sandbox.tasks.engine import TaskEngine
from sandbox.tasks.task import SimulatedTask, TaskStatus
from sandbox.vendors.dashscope.wan import output_of, seconds_of, tasks_of

SIZE: Final = re.compile(r"(?:480|720|832|1080|1280|1920)\*(?:480|720|832|1080|1280|1920)")
CODES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("InvalidParameter", "A required parameter is missing or not valid."),
    401: ("InvalidApiKey", "Invalid API-key provided."),
    402: ("Arrearage", "Access denied, please make sure your account is in good standing."),
    403: ("AccessDenied", "current user api does not support synchronous calls."),
    404: ("ModelNotFound", "Model not exist."),
    422: ("InvalidParameter", "A required parameter is missing or not valid."),
    429: ("Throttling.RateQuota", "Requests rate limit exceeded, please try again later."),
}
FAILURE: Final = ("InternalError", "An internal error has occured, please try again later.")


class WanInput(BaseModel):
    """What the video shows."""

    model_config = ConfigDict(extra="allow", strict=True)

    prompt: str = Field(min_length=1)


class WanParameters(BaseModel):
    """How it is made."""

    model_config = ConfigDict(extra="allow", strict=True)

    size: str | None = Field(default=None, pattern=SIZE.pattern)
    duration: int | None = Field(default=None, ge=2, le=15)


class SynthesisRequest(BaseModel):
    """The body of a create."""

    model_config = ConfigDict(extra="allow", strict=True)

    model: str = Field(min_length=1)
    input: WanInput
    parameters: WanParameters | None = None


def error_response(status: int, headers: Mapping[str, str], message: str | None = None) -> Response:
    code, usual = CODES.get(status, FAILURE)
    body = {"code": code, "message": message or usual, "request_id": str(uuid.uuid4())}
    return JSONResponse(body, {402: 400, 422: 400}.get(status, status), headers)


router = APIRouter(prefix="/api/v1")
Account = Annotated[str, Depends(bearer_account(error_response))]
Tasks = Annotated[TaskEngine, Depends(tasks_of)]
CreateCall = Annotated[VendorCall, Depends(vendor_call(Operation.CREATE, error_response))]
GetCall = Annotated[VendorCall, Depends(vendor_call(Operation.GET, error_response))]
ListCall = Annotated[VendorCall, Depends(vendor_call(Operation.LIST, error_response))]
CancelCall = Annotated[VendorCall, Depends(vendor_call(Operation.CANCEL, error_response))]


@router.post("/services/aigc/video-generation/video-synthesis")
async def create(request: Request, account: Account, call: CreateCall, tasks: Tasks) -> Response:
    if request.headers.get("x-dashscope-async") != "enable":
        raise Refusal(error_response(403, {}))
    body = _checked(await request.body())
    await call.raise_if_refused()
    task = SimulatedTask(
        id=str(uuid.uuid4()),
        account=account,
        model=body.model,
        request=body.model_dump(exclude_none=True),
        created_ns=now_ns(),
    )
    tasks.accept(task, call.lasting_faults)
    output = {"task_status": "PENDING", **({} if Fault.NO_ID in call.faults else {"task_id": task.id})}
    return await call.answer({"output": output, "request_id": str(uuid.uuid4())})


@router.get("/tasks")
async def list_tasks(
    account: Account,
    call: ListCall,
    tasks: Tasks,
    page_no: Annotated[int, Query(ge=1)] = 1,
    page_size: Annotated[int, Query(ge=1, le=100)] = 10,
) -> Response:
    """Newest first."""
    await call.raise_if_refused()
    own = [task for task in tasks if task.account == account][::-1]
    page = own[(page_no - 1) * page_size : page_no * page_size]
    listed = [output_of(task, tasks, call.faults) for task in page]
    return await call.answer({"total": len(own), "page_no": page_no, "page_size": page_size, "tasks": listed})


@router.get("/tasks/{task_id}")
async def get_task(account: Account, call: GetCall, tasks: Tasks, task_id: str) -> Response:
    """200 and UNKNOWN for a task that is not there."""
    task = tasks.find(task_id, account=account)
    await call.raise_if_refused()
    if task is None:
        return await call.answer({"output": {"task_id": task_id, "task_status": "UNKNOWN"}})
    call.join(tasks.context.board.take(Operation.GET, task.id))
    answer: dict[str, Any] = {"request_id": str(uuid.uuid4()), "output": output_of(task, tasks, call.faults)}
    if task.status is TaskStatus.DONE:
        answer["usage"] = {"duration": seconds_of(task), "video_count": 1}
    return await call.answer(answer)


@router.post("/tasks/{task_id}/cancel")
async def cancel_task(account: Account, call: CancelCall, tasks: Tasks, task_id: str) -> Response:
    """Only what waits can be canceled."""
    task = tasks.find(task_id, account=account)
    await call.raise_if_refused()
    if task is None or task.status is not TaskStatus.QUEUED or Fault.CANCEL_REFUSED in call.faults:
        return error_response(400, {}, "Failed to cancel the task, please confirm if the task is in PENDING status.")
    tasks.cancel(task)
    return await call.answer({"request_id": str(uuid.uuid4())})


def _checked(body: bytes) -> SynthesisRequest:
    """Raises Refusal (400)."""
    try:
        return SynthesisRequest.model_validate_json(body)
    except ValidationError as invalid:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in invalid.errors())
        raise Refusal(error_response(400, {}, wrong)) from None
