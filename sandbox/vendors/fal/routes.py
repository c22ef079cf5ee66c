"""fal's queue over HTTP."""

import json
import uuid
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from sandbox.call import Refusal
from sandbox.clock import now_ns
from sandbox.faults.catalogue import Fault, Operation
from sandbox.faults.fault_board import faults_in, faults_in_url
from sandbox.tasks.engine import TaskEngine
from sandbox.tasks.task import SimulatedTask, TaskStatus
from sandbox.vendors.fal.calls import Account, CancelCall, CreateCall, GetCall, Queue, error_response
from sandbox.vendors.fal.endpoints import ENDPOINTS, owned_part
from sandbox.vendors.fal.queued import result_document, status_document, urls_of, wrong_fields_of

MAX_BODY: Final = 10 * 1024**2
IDS: Final = ("request_id", "gateway_request_id", "status_url", "response_url", "cancel_url")

router = APIRouter(prefix="/fal/queue")


@router.get("/{owner}/{alias}/requests/{request_id}/status")
async def get_status(
    account: Account, call: GetCall, queue: Queue, owner: str, alias: str, request_id: str, logs: str = "0"
) -> Response:
    """202 until it has finished, and then 200, whatever became of it."""
    task = _task(queue, account, f"{owner}/{alias}", request_id)
    call.join(queue.context.board.take(Operation.GET, task.id))
    await call.raise_if_refused()
    with_logs = logs.lower() in ("1", "true")
    document = status_document(task, queue, call.faults, with_logs=with_logs)
    return await call.answer(document, status=200 if task.status.is_final else 202)


@router.get("/{owner}/{alias}/requests/{request_id}")
async def get_result(
    account: Account, call: GetCall, queue: Queue, owner: str, alias: str, request_id: str
) -> Response:
    task = _task(queue, account, f"{owner}/{alias}", request_id)
    await call.raise_if_refused()
    if not task.status.is_final:
        return JSONResponse({"detail": "Request is still in progress"}, 400)
    if (wrong := wrong_fields_of(task)) is not None:
        return await call.answer({"detail": wrong}, status=422)
    if task.status is not TaskStatus.DONE:
        return await call.answer({"detail": task.message or "Request was cancelled by the client"}, status=400)
    return await call.answer(result_document(task, queue))


@router.put("/{owner}/{alias}/requests/{request_id}/cancel")
async def cancel(account: Account, call: CancelCall, queue: Queue, owner: str, alias: str, request_id: str) -> Response:
    """What waits is removed. What runs is only told so, and these models do not listen."""
    task = queue.find(request_id, account=account)
    await call.raise_if_refused()
    if task is None or owned_part(task.model) != f"{owner}/{alias}":
        return await call.answer({"status": "NOT_FOUND"}, status=404)
    if Fault.CANCEL_REFUSED in call.faults:
        return error_response(call.faults.status(Fault.CANCEL_REFUSED), {})
    if task.status.is_final:
        return await call.answer({"status": "ALREADY_COMPLETED"}, status=400)
    if task.status is TaskStatus.QUEUED and Fault.CANCEL_IGNORED not in call.faults:
        queue.cancel(task)
        return await call.answer({"status": "OK"})
    return await call.answer({"status": "CANCELLATION_REQUESTED"}, status=202)


@router.post("/{endpoint:path}")
async def submit(
    request: Request,
    account: Account,
    call: CreateCall,
    queue: Queue,
    endpoint: str,
    fal_webhook: Annotated[str | None, Query()] = None,
) -> Response:
    if endpoint not in ENDPOINTS:
        raise Refusal(JSONResponse({"detail": f"Application {endpoint!r} not found"}, 404))
    body = await _body(request)
    links = [value for value in body.values() if isinstance(value, str) and value.startswith(("http", "data:"))]
    call.join(faults_in(",".join(filter(None, map(faults_in_url, links))), during=Operation.CREATE))
    await call.raise_if_refused()
    task = SimulatedTask(
        id=str(uuid.uuid4()),
        account=account,
        model=endpoint,
        request=body,
        created_ns=now_ns(),
        webhook_url=fal_webhook,
    )
    queue.accept(task, call.lasting_faults)
    if Fault.WEBHOOK_EARLY in queue.faults_of(task) and fal_webhook:
        await queue.context.webhooks.first_delivered(task.id)
    answer: dict[str, Any] = {
        "status": "IN_QUEUE",
        "request_id": task.id,
        "gateway_request_id": task.id,
        **urls_of(task, queue.context.config.base_url),
        "queue_position": 0,
    }
    if Fault.NO_ID in call.faults:
        answer = {name: value for name, value in answer.items() if name not in IDS}
    return await call.answer(answer)


def _task(queue: TaskEngine, account: str, owned: str, request_id: str) -> SimulatedTask:
    """Raises Refusal (404), also when the request was sent to another application."""
    task = queue.find(request_id, account=account)
    if task is None or owned_part(task.model) != owned:
        raise Refusal(error_response(404, {}))
    return task


async def _body(request: Request) -> dict[str, Any]:
    """Raises Refusal (413, 422)."""
    received = await request.body()
    if len(received) > MAX_BODY:
        raise Refusal(JSONResponse({"detail": "Request body too large"}, 413))
    try:
        body = json.loads(received)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        wrong = [{"loc": ["body"], "msg": "value is not a valid dict", "type": "type_error.dict"}]
        raise Refusal(JSONResponse({"detail": wrong}, 422))
    return body
