"""Azure's HTTP API: responses in the background, and chat completions of a deployment."""

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from sandbox.call import Refusal, VendorCall
from sandbox.clock import now_ns
from sandbox.context import context_of, vendor_call
from sandbox.faults.catalogue import Fault, Operation
from sandbox.ids_and_links import new_id
from sandbox.tasks.engine import TaskEngine
from sandbox.tasks.task import SimulatedTask
from sandbox.vendors.azure_openai.responses import responses_of
from sandbox.vendors.chat.routes import ChatCall, ContextDep, complete
from sandbox.vendors.openai.answering import tool_of
from sandbox.vendors.openai.responses import response_document
from sandbox.vendors.openai.routes import CORRELATION, check, json_body, task_of

VERSION: Final = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")
DRAWN_BY: Final = "x-ms-oai-image-generation-deployment"
FILTERED: Final = (
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
    "Please modify your prompt and retry."
)
SEVERITIES: Final = {"hate": "safe", "self_harm": "safe", "sexual": "safe", "violence": "high"}

ERRORS: Final[Mapping[int, tuple[str, str]]] = {
    401: ("401", "Access denied due to invalid subscription key or wrong API endpoint."),
    402: ("insufficient_quota", "You exceeded your current quota."),
    404: ("DeploymentNotFound", "The API deployment for this resource does not exist."),
    429: ("RateLimitReached", "Your requests have exceeded the rate limit of your pricing tier."),
}


def error_response(status: int, headers: Mapping[str, str]) -> Response:
    """What other vendors refuse as invalid is stopped by the content filter."""
    if status == 422:
        return JSONResponse({"error": _filtered()}, 400, headers)
    code, message = ERRORS.get(status, ("InternalServerError", "The service is temporarily unable to process it."))
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


def _filtered() -> dict[str, Any]:
    result = {name: {"filtered": how != "safe", "severity": how} for name, how in SEVERITIES.items()}
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": result}
    error = {"code": "content_filter", "message": FILTERED, "param": "prompt", "type": None, "status": 400}
    return {**error, "innererror": inner}


def account_of(request: Request) -> str:
    """The resource of the key, in `api-key` or as a bearer. Raises Refusal (401)."""
    bearer = request.headers.get("authorization", "").removeprefix("Bearer").strip()
    key = request.headers.get("api-key") or bearer
    accepted = context_of(request).config.tokens
    if not key or (accepted and key not in accepted):
        raise Refusal(error_response(401, {}))
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def require_version(request: Request) -> None:
    """Raises Refusal (404), as Azure does without a version by date."""
    if not VERSION.fullmatch(request.query_params.get("api-version", "")):
        raise Refusal(JSONResponse({"error": {"code": "404", "message": "Resource not found"}}, 404))


handlers = APIRouter()
Account = Annotated[str, Depends(account_of)]
Responses = Annotated[TaskEngine, Depends(responses_of)]
CreateCall = Annotated[VendorCall, Depends(vendor_call(Operation.CREATE, error_response))]
GetCall = Annotated[VendorCall, Depends(vendor_call(Operation.GET, error_response))]
CancelCall = Annotated[VendorCall, Depends(vendor_call(Operation.CANCEL, error_response))]


@handlers.post("/responses")
async def create(request: Request, account: Account, call: CreateCall, responses: Responses) -> Response:
    body = await json_body(request)
    check(body, responses)
    if tool_of(body) is not None and DRAWN_BY not in request.headers:
        raise Refusal(
            JSONResponse({"error": {"code": "invalid_request_error", "message": f"{DRAWN_BY} is missing"}}, 400)
        )
    await call.raise_if_refused()
    task = SimulatedTask(
        id=f"resp_{new_id()}",
        account=account,
        model=body["model"],
        request=body,
        created_ns=now_ns(),
        correlation=(body.get("metadata") or {}).get(CORRELATION),
    )
    responses.accept(task, call.lasting_faults)
    return await call.answer(response_document(task, responses, call.faults))


@handlers.get("/responses/{response_id}")
async def get_response(account: Account, call: GetCall, responses: Responses, response_id: str) -> Response:
    task = task_of(responses, account, response_id)
    call.join(responses.context.board.take(Operation.GET, task.id))
    await call.raise_if_refused()
    return await call.answer(response_document(task, responses, call.faults))


@handlers.post("/responses/{response_id}/cancel")
async def cancel(account: Account, call: CancelCall, responses: Responses, response_id: str) -> Response:
    task = task_of(responses, account, response_id)
    await call.raise_if_refused()
    if Fault.CANCEL_REFUSED in call.faults:
        return error_response(call.faults.status(Fault.CANCEL_REFUSED), {})
    if Fault.CANCEL_IGNORED not in call.faults:
        responses.cancel(task)
    return await call.answer(response_document(task, responses, call.faults))


@handlers.get("/models")
async def models(_account: Account) -> dict[str, object]:
    return {"object": "list", "data": [{"id": "gpt-5.4", "object": "model", "status": "succeeded"}]}


@handlers.post("/chat/completions")
@handlers.post("/deployments/{_deployment}/chat/completions")
async def chat(
    request: Request, _account: Account, call: ChatCall, context: ContextDep, _deployment: str = ""
) -> Response:
    return await complete(request, call, context)


current = APIRouter(prefix="/azure/openai/v1")
current.include_router(handlers)
dated = APIRouter(prefix="/azure/openai", dependencies=[Depends(require_version)])
dated.include_router(handlers)
