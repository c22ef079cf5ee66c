"""Azure's HTTP API: responses in the background, and chat completions of a deployment."""

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from sandbox.call import Refusal, VendorCall
from sandbox.context import context_of, vendor_call
from sandbox.faults.catalogue import Operation
from sandbox.tasks.engine import TaskEngine
from sandbox.vendors.azure_openai.responses import responses_of
from sandbox.vendors.chat.routes import ChatCall, ContextDep, complete
from sandbox.vendors.openai.answering import tool_of
from sandbox.vendors.openai.routes import answered, canceled, check, created, json_body

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
    return await created(body, account, call, responses)


@handlers.get("/responses/{response_id}")
async def get_response(account: Account, call: GetCall, responses: Responses, response_id: str) -> Response:
    return await answered(account, call, responses, response_id)


@handlers.post("/responses/{response_id}/cancel")
async def cancel(account: Account, call: CancelCall, responses: Responses, response_id: str) -> Response:
    return await canceled(account, call, responses, response_id, error_response)


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
