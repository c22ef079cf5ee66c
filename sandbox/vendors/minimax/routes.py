"""MiniMax's HTTP API for videos. What it refuses is told within an HTTP 200."""

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
from sandbox.tasks.engine import TaskEngine
from sandbox.tasks.task import SimulatedTask, TaskStatus
from sandbox.vendors.minimax.hailuo import SUCCESS, file_document, file_id_of, task_document, tasks_of

CODES: Final[Mapping[int, tuple[int, str]]] = {
    400: (2013, "invalid params"),
    401: (1004, "login fail: Please carry the API secret key in the 'Authorization' field of the request header"),
    402: (1008, "insufficient balance"),
    404: (2013, "invalid params, task_id"),
    422: (2013, "invalid params"),
    429: (1002, "rate limit"),
}
SERVER_TROUBLE: Final = 500  #: and above: what a gateway before it says


class HailuoRequest(BaseModel):
    """The body of a create."""

    model_config = ConfigDict(extra="allow", strict=True)

    model: str = Field(min_length=1)
    prompt: str = Field(min_length=1, max_length=2000)
    first_frame_image: str | None = Field(default=None, pattern=r"^(https?://|data:image/)")
    duration: Literal[6, 10] | None = None
    resolution: Literal["512P", "768P", "1080P"] | None = None
    prompt_optimizer: bool | None = None


def error_response(status: int, headers: Mapping[str, str], message: str | None = None) -> Response:
    if status >= SERVER_TROUBLE:
        return JSONResponse({"base_resp": {"status_code": 1000, "status_msg": "unknown error"}}, status, headers)
    code, usual = CODES.get(status, (2013, "invalid params"))
    return JSONResponse({"base_resp": {"status_code": code, "status_msg": message or usual}}, 200, headers)


router = APIRouter(prefix="/v1")
Account = Annotated[str, Depends(bearer_account(error_response))]
Tasks = Annotated[TaskEngine, Depends(tasks_of)]
CreateCall = Annotated[VendorCall, Depends(vendor_call(Operation.CREATE, error_response))]
GetCall = Annotated[VendorCall, Depends(vendor_call(Operation.GET, error_response))]
FilesCall = Annotated[VendorCall, Depends(vendor_call(Operation.FILES, error_response))]


@router.post("/video_generation")
async def create(request: Request, account: Account, call: CreateCall, tasks: Tasks) -> Response:
    body = _checked(await request.body())
    await call.raise_if_refused()
    task = SimulatedTask(
        id=str(10**14 + secrets.randbelow(10**14)),
        account=account,
        model=body.model,
        request=body.model_dump(exclude_none=True),
        created_ns=now_ns(),
    )
    tasks.accept(task, call.lasting_faults)
    made: dict[str, Any] = {} if Fault.NO_ID in call.faults else {"task_id": task.id}
    return await call.answer({**made, "base_resp": SUCCESS})


@router.get("/query/video_generation")
async def query(account: Account, call: GetCall, tasks: Tasks, task_id: str = "") -> Response:
    task = tasks.find(task_id, account=account)
    if task is None:
        raise Refusal(error_response(404, {}))
    call.join(tasks.context.board.take(Operation.GET, task.id))
    await call.raise_if_refused()
    document = task_document(task, tasks, call.faults)
    if Fault.NO_ID in call.faults:
        del document["task_id"]
    return await call.answer(document)


@router.get("/files/retrieve")
async def retrieve(account: Account, call: FilesCall, tasks: Tasks, file_id: str = "") -> Response:
    await call.raise_if_refused()
    for task in tasks:
        if task.account == account and task.status is TaskStatus.DONE and file_id_of(task) == file_id:
            return await call.answer(file_document(task, tasks))
    raise Refusal(error_response(400, {}, "invalid params, file_id"))


@router.get("/files/list")
async def list_files(_account: Account, call: FilesCall) -> Response:
    """Of other purposes than videos: none."""
    await call.raise_if_refused()
    return await call.answer({"files": [], "base_resp": SUCCESS})


def _checked(body: bytes) -> HailuoRequest:
    """Raises Refusal (2013)."""
    try:
        asked = HailuoRequest.model_validate_json(body)
    except ValidationError as invalid:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in invalid.errors())
        raise Refusal(error_response(400, {}, f"invalid params, {wrong}")) from None
    if asked.resolution == "512P" and asked.first_frame_image is None:
        raise Refusal(error_response(400, {}, "invalid params, resolution 512P needs first_frame_image"))
    if asked.resolution == "1080P" and asked.duration == 10:
        raise Refusal(error_response(400, {}, "invalid params, duration 10 does not support resolution 1080P"))
    return asked
