"""Ark's HTTP API for tasks of content generation."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import JSONResponse, Response

from sandbox.call import Refusal, VendorCall
from sandbox.clock import now_ns
from sandbox.context import bearer_account, vendor_call
from sandbox.faults.catalogue import Fault, Operation
from sandbox.ids_and_links import new_id
from sandbox.tasks.engine import TaskEngine
from sandbox.tasks.task import SimulatedTask, TaskStatus
from sandbox.vendors.volcengine.seedance import document_of, tasks_of

CODES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("InvalidParameter", "A parameter specified in the request is not valid."),
    401: ("AuthenticationError", "The API key in the request is missing or invalid."),
    402: ("AccountOverdueError", "The request failed because your account has an overdue balance."),
    404: ("InvalidEndpointOrModel.NotFound", "The model or endpoint does not exist."),
    422: ("InvalidParameter", "A parameter specified in the request is not valid."),
    429: ("ModelAccountRpmRateLimitExceeded", "The requests per minute limit is exceeded."),
}
FAILURE: Final = ("InternalServiceError", "The service encountered an unexpected internal error.")


class ContentRequest(BaseModel):
    """The body of a create."""

    model_config = ConfigDict(extra="allow", strict=True)

    model: str = Field(min_length=1)
    content: list[dict[str, Any]] = Field(min_length=1)
    resolution: Literal["480p", "720p", "1080p"] | None = None
    ratio: Literal["16:9", "4:3", "1:1", "3:4", "9:16", "21:9"] | None = None
    duration: int | None = Field(default=None, ge=2, le=12)
    callback_url: str | None = Field(default=None, pattern=r"^https?://\S+$")


def error_response(status: int, headers: Mapping[str, str], message: str | None = None) -> Response:
    code, usual = CODES.get(status, FAILURE)
    sent_status = {402: 403, 422: 400}.get(status, status)
    error = {"code": code, "message": message or usual, "param": "", "type": "BadRequest"}
    return JSONResponse({"error": error}, sent_status, headers)


router = APIRouter(prefix="/api/v3/contents/generations/tasks")
Account = Annotated[str, Depends(bearer_account(error_response))]
Tasks = Annotated[TaskEngine, Depends(tasks_of)]
CreateCall = Annotated[VendorCall, Depends(vendor_call(Operation.CREATE, error_response))]
GetCall = Annotated[VendorCall, Depends(vendor_call(Operation.GET, error_response))]
ListCall = Annotated[VendorCall, Depends(vendor_call(Operation.LIST, error_response))]
CancelCall = Annotated[VendorCall, Depends(vendor_call(Operation.CANCEL, error_response))]


@router.post("")
async def create(request: Request, account: Account, call: CreateCall, tasks: Tasks) -> Response:
    body = _checked(await request.body())
    await call.raise_if_refused()
    task = SimulatedTask(
        id=f"cgt-{new_id()}",
        account=account,
        model=body.model,
        request=body.model_dump(exclude_none=True),
        created_ns=now_ns(),
        webhook_url=body.callback_url,
    )
    tasks.accept(task, call.lasting_faults)
    if Fault.WEBHOOK_EARLY in tasks.faults_of(task) and task.webhook_url:
        await tasks.context.webhooks.first_delivered(task.id)
    return await call.answer({"id": task.id})


@router.get("")
async def list_tasks(
    account: Account,
    call: ListCall,
    tasks: Tasks,
    page_num: Annotated[int, Query(ge=1, le=500)] = 1,
    page_size: Annotated[int, Query(ge=1, le=500)] = 10,
) -> Response:
    """Newest first."""
    await call.raise_if_refused()
    own = [task for task in tasks if task.account == account][::-1]
    page = own[(page_num - 1) * page_size : page_num * page_size]
    return await call.answer({"items": [document_of(task, tasks, call.faults) for task in page], "total": len(own)})


@router.get("/{task_id}")
async def get_task(account: Account, call: GetCall, tasks: Tasks, task_id: str) -> Response:
    task = _task(tasks, account, task_id)
    call.join(tasks.context.board.take(Operation.GET, task.id))
    await call.raise_if_refused()
    return await call.answer(document_of(task, tasks, call.faults))


@router.delete("/{task_id}")
async def delete_task(account: Account, call: CancelCall, tasks: Tasks, task_id: str) -> Response:
    """What waits is stopped, what runs is left alone, and what has ended is erased."""
    task = _task(tasks, account, task_id)
    await call.raise_if_refused()
    if Fault.CANCEL_REFUSED in call.faults or task.status is TaskStatus.WORKING:
        return error_response(400, {}, f"The task {task.id} is running and cannot be deleted.")
    if task.status is TaskStatus.QUEUED:
        tasks.cancel(task)
    else:
        tasks.remove(task)
    return await call.answer({})


def _task(tasks: TaskEngine, account: str, task_id: str) -> SimulatedTask:
    """Raises Refusal (404)."""
    task = tasks.find(task_id, account=account)
    if task is None:
        raise Refusal(error_response(404, {}, f"The task {task_id} does not exist."))
    return task


def _checked(body: bytes) -> ContentRequest:
    """Raises Refusal (400)."""
    try:
        return ContentRequest.model_validate_json(body)
    except ValidationError as invalid:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in invalid.errors())
        raise Refusal(error_response(400, {}, f"The parameter is not valid: {wrong}")) from None
