"""Black Forest Labs' HTTP API: a create for each model, and one place to ask for results."""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import JSONResponse, Response

from sandbox.call import Refusal, VendorCall
from sandbox.clock import now_ns
from sandbox.context import context_of, vendor_call
from sandbox.faults.catalogue import Fault, Operation
from sandbox.faults.fault_board import faults_in, faults_in_url
from sandbox.tasks.engine import TaskEngine
from sandbox.tasks.task import SimulatedTask
from sandbox.vendors.black_forest_labs.flux_tasks import COST, document_of, tasks_of

MODELS: Final = ("flux-2-pro", "flux-2-flex", "flux-pro-1.1", "flux-kontext-pro")
AT_ONCE: Final = 24  #: unfinished tasks of an account
REGION: Final = "eu1"  #: polling URLs lead to a place of their own: they cannot be built from the id

MESSAGES: Final = {
    401: "Not authenticated - Invalid Authentication",
    402: "Insufficient credits.",
    404: "Not found",
    422: "Unprocessable request.",
    429: "Too many active tasks.",
    500: "Internal server error",
}


class FluxRequest(BaseModel):
    """Fields that this sandbox does not act on are accepted, as by most models."""

    model_config = ConfigDict(extra="allow", strict=True)

    prompt: str = Field(min_length=1)
    width: int | None = Field(default=None, ge=64, le=2048, multiple_of=16)
    height: int | None = Field(default=None, ge=64, le=2048, multiple_of=16)
    seed: int | None = None
    output_format: Literal["jpeg", "png"] | None = None
    input_image: str | None = None
    webhook_url: str | None = Field(default=None, pattern=r"^https?://\S+$")
    webhook_secret: str | None = None


def error_response(status: int, headers: Mapping[str, str]) -> Response:
    return JSONResponse({"detail": MESSAGES.get(status, "Something went wrong.")}, status, headers)


def account_of(request: Request) -> str:
    """The account of the header `x-key`. Raises Refusal (403)."""
    key = request.headers.get("x-key", "").strip()
    accepted = context_of(request).config.tokens
    if not key or (accepted and key not in accepted):
        raise Refusal(JSONResponse({"detail": MESSAGES[401]}, 403))
    return hashlib.sha256(key.encode()).hexdigest()[:16]


router = APIRouter()
Account = Annotated[str, Depends(account_of)]
Tasks = Annotated[TaskEngine, Depends(tasks_of)]
CreateCall = Annotated[VendorCall, Depends(vendor_call(Operation.CREATE, error_response))]
GetCall = Annotated[VendorCall, Depends(vendor_call(Operation.GET, error_response))]
OtherCall = Annotated[VendorCall, Depends(vendor_call(Operation.OTHER, error_response))]


async def create(request: Request, account: Account, call: CreateCall, tasks: Tasks) -> Response:
    body = _checked(await request.body())
    call.join(faults_in(faults_in_url(body.input_image or ""), during=Operation.CREATE))
    await call.raise_if_refused()
    if sum(task.account == account and not task.status.is_final for task in tasks) >= AT_ONCE:
        raise Refusal(error_response(429, {}))
    task = tasks.accept(
        SimulatedTask(
            id=str(uuid.uuid4()),
            account=account,
            model=request.url.path.rpartition("/")[2],
            request=body.model_dump(exclude_none=True),
            created_ns=now_ns(),
            webhook_url=body.webhook_url,
            webhook_secret=body.webhook_secret,
        ),
        call.lasting_faults,
    )
    if Fault.WEBHOOK_EARLY in tasks.faults_of(task) and task.webhook_url:
        await tasks.context.webhooks.first_delivered(task.id)
    polling_url = f"{tasks.context.config.base_url}/{REGION}/v1/get_result?id={task.id}"
    answer: dict[str, Any] = {"id": task.id, "polling_url": polling_url, "cost": COST}
    return await call.answer(answer)


for _model in MODELS:
    router.add_api_route(f"/v1/{_model}", create, methods=["POST"], response_model=None)


@router.get("/v1/get_result")
@router.get(f"/{REGION}/v1/get_result")
async def get_result(
    account: Account, call: GetCall, tasks: Tasks, task_id: Annotated[str, Query(alias="id")] = ""
) -> Response:
    task = tasks.find(task_id, account=account)
    if task is None:
        return await call.answer({"id": task_id, "status": "Task not found", "result": None}, status=404)
    call.join(tasks.context.board.take(Operation.GET, task.id))
    await call.raise_if_refused()
    return await call.answer(document_of(task, tasks, call.faults))


@router.get("/v1/credits")
async def credits_left(_: Account, call: OtherCall) -> Response:
    await call.raise_if_refused()
    return await call.answer({"credits": 1_000.0})


def _checked(body: bytes) -> FluxRequest:
    """Raises Refusal (422)."""
    try:
        return FluxRequest.model_validate_json(body)
    except ValidationError as invalid:
        wrong = [{"loc": ["body", *one["loc"]], "msg": one["msg"], "type": one["type"]} for one in invalid.errors()]
        raise Refusal(JSONResponse({"detail": wrong}, 422)) from None
