"""The Gemini API over HTTP: start an operation, get one, download a file, list models."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.responses import JSONResponse, Response

from sandbox.call import Refusal, VendorCall
from sandbox.clock import now_ns
from sandbox.context import context_of, vendor_call
from sandbox.faults.catalogue import Fault, Operation
from sandbox.ids_and_links import new_id
from sandbox.output_host import delivered
from sandbox.tasks.engine import TaskEngine
from sandbox.tasks.task import SimulatedTask
from sandbox.vendors.gemini.operations import VIDEO, document_of, name_of, tasks_of
from sandbox.vendors.gemini.request import PredictRequest

MODELS: Final = ("veo-3.1-generate-preview", "veo-3.1-fast-generate-preview")

#: By the status that stands for it everywhere in the sandbox: the status at Google, its word and the message.
ERRORS: Final[Mapping[int, tuple[int, str, str]]] = {
    401: (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    402: (400, "FAILED_PRECONDITION", "Please enable billing on your project in Google AI Studio."),
    404: (404, "NOT_FOUND", "Requested entity was not found."),
    422: (400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
    429: (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details."),
    503: (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
}
FAILURE: Final = ("INTERNAL", "An internal error has occurred.")


def error_response(status: int, headers: Mapping[str, str], message: str = "") -> Response:
    """A throttled request is told its delay among the details."""
    sent, word, usual = ERRORS.get(status, (status, *FAILURE))
    error: dict[str, Any] = {"code": sent, "message": message or usual, "status": word}
    if delay := headers.get("retry-after"):
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{delay}s"}]
    return JSONResponse({"error": error}, sent, headers)


def account_of(request: Request) -> str:
    """The account of the key, in a header or in the query. Raises Refusal (400)."""
    key = request.headers.get("x-goog-api-key") or request.query_params.get("key") or ""
    accepted = context_of(request).config.tokens
    if not key.strip() or (accepted and key.strip() not in accepted):
        raise Refusal(error_response(401, {}))
    return hashlib.sha256(key.encode()).hexdigest()[:16]


router = APIRouter(prefix="/v1beta")
Account = Annotated[str, Depends(account_of)]
Tasks = Annotated[TaskEngine, Depends(tasks_of)]
CreateCall = Annotated[VendorCall, Depends(vendor_call(Operation.CREATE, error_response))]
GetCall = Annotated[VendorCall, Depends(vendor_call(Operation.GET, error_response))]
DeliveryCall = Annotated[VendorCall, Depends(vendor_call(Operation.DELIVERY, error_response))]
OtherCall = Annotated[VendorCall, Depends(vendor_call(Operation.OTHER, error_response))]


@router.post("/models/{model}:predictLongRunning")
async def predict(request: Request, account: Account, call: CreateCall, tasks: Tasks, model: str) -> Response:
    body = _checked(await request.body())
    if model not in MODELS:
        raise Refusal(error_response(404, {}, f"models/{model} is not found for API version v1beta."))
    await call.raise_if_refused()
    task = SimulatedTask(
        id=new_id()[:12],
        account=account,
        model=model,
        request=body.model_dump(by_alias=True, exclude_none=True),
        created_ns=now_ns(),
    )
    tasks.accept(task, call.lasting_faults)
    return await call.answer({} if Fault.NO_ID in call.faults else {"name": name_of(task)})


@router.get("/models/{model}/operations/{task_id}")
async def get_operation(account: Account, call: GetCall, tasks: Tasks, model: str, task_id: str) -> Response:
    task = tasks.find(task_id, account=account)
    if task is None or task.model != model:
        raise Refusal(error_response(404, {}))
    call.join(tasks.context.board.take(Operation.GET, task.id))
    await call.raise_if_refused()
    return await call.answer(document_of(task, tasks, call.faults))


@router.get("/files/{task_id}:download")
async def download(account: Account, call: DeliveryCall, tasks: Tasks, task_id: str) -> Response:
    """The key of the same account is needed."""
    task = tasks.find(task_id, account=account)
    if task is None or VIDEO not in task.outputs:
        raise Refusal(error_response(404, {}))
    return await delivered(tasks.context, call, task.id, VIDEO)


@router.get("/models")
async def list_models(_: Account, call: OtherCall) -> Response:
    await call.raise_if_refused()
    methods = ["predictLongRunning"]
    return await call.answer(
        {"models": [{"name": f"models/{name}", "supportedGenerationMethods": methods} for name in MODELS]}
    )


def _checked(body: bytes) -> PredictRequest:
    """Raises Refusal (400)."""
    try:
        return PredictRequest.model_validate_json(body)
    except ValidationError as invalid:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in invalid.errors())
        raise Refusal(error_response(422, {}, f"Invalid value: {wrong}")) from None
