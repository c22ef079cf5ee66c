"""OpenAI's HTTP API for responses in the background, conversations, and the project's webhooks."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from sandbox.call import ErrorResponse, Refusal, VendorCall
from sandbox.clock import NANOSECONDS, now_ns
from sandbox.context import bearer_account, vendor_call
from sandbox.faults.catalogue import Fault, Operation
from sandbox.ids_and_links import new_id
from sandbox.tasks.engine import TaskEngine
from sandbox.tasks.task import SimulatedTask
from sandbox.vendors.openai.answering import ENDING_OF, SIZES, prompt_of, tool_of
from sandbox.vendors.openai.responses import (
    KIND_OF_CONVERSATIONS,
    KIND_OF_WEBHOOKS,
    conversation_items,
    response_document,
    responses_of,
)

MAX_BODY: Final = 20 * 1024**2
CORRELATION: Final = "aijobs_submission"  #: a name in the metadata under which a caller's own token may be

ERRORS: Final[Mapping[int, tuple[str, str, str]]] = {
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    402: ("insufficient_quota", "insufficient_quota", "You exceeded your current quota."),
    404: ("invalid_request_error", "not_found", "Not found."),
    422: ("invalid_request_error", "invalid_value", "Invalid value."),
    429: ("rate_limit_error", "rate_limit_exceeded", "Rate limit reached."),
}
SERVER_ERROR: Final = ("server_error", "server_error", "The server had an error while processing your request.")


def error_response(status: int, headers: Mapping[str, str], message: str | None = None) -> Response:
    kind, code, usual = ERRORS.get(status, SERVER_ERROR)
    return JSONResponse(
        {"error": {"message": message or usual, "type": kind, "param": None, "code": code}}, status, headers
    )


router = APIRouter(prefix="/openai/v1")
Account = Annotated[str, Depends(bearer_account(error_response))]
Responses = Annotated[TaskEngine, Depends(responses_of)]
CreateCall = Annotated[VendorCall, Depends(vendor_call(Operation.CREATE, error_response))]
GetCall = Annotated[VendorCall, Depends(vendor_call(Operation.GET, error_response))]
ListCall = Annotated[VendorCall, Depends(vendor_call(Operation.LIST, error_response))]
CancelCall = Annotated[VendorCall, Depends(vendor_call(Operation.CANCEL, error_response))]
OtherCall = Annotated[VendorCall, Depends(vendor_call(Operation.OTHER, error_response))]


@router.post("/responses")
async def create(request: Request, account: Account, call: CreateCall, responses: Responses) -> Response:
    body = await json_body(request)
    check(body, responses)
    return await created(body, account, call, responses)


@router.get("/responses/{response_id}")
async def get_response(account: Account, call: GetCall, responses: Responses, response_id: str) -> Response:
    return await answered(account, call, responses, response_id)


@router.post("/responses/{response_id}/cancel")
async def cancel(account: Account, call: CancelCall, responses: Responses, response_id: str) -> Response:
    return await canceled(account, call, responses, response_id, error_response)


@router.post("/conversations")
async def new_conversation(request: Request, _: Account, call: OtherCall, responses: Responses) -> Response:
    body = await json_body(request)
    await call.raise_if_refused()
    conversation_id, created_at = f"conv_{new_id()}", now_ns() // NANOSECONDS
    metadata = body.get("metadata") or {}
    document = {"id": conversation_id, "object": "conversation", "created_at": created_at, "metadata": metadata}
    responses.context.archive.put(KIND_OF_CONVERSATIONS, conversation_id, json.dumps(document))
    return await call.answer(document)


@router.get("/conversations/{conversation_id}/items")
async def list_items(_: Account, call: ListCall, responses: Responses, conversation_id: str) -> Response:
    await call.raise_if_refused()
    if responses.context.archive.get(KIND_OF_CONVERSATIONS, conversation_id) is None:
        return error_response(404, {})
    hidden = Fault.LIST_LAG in call.faults
    items = [] if hidden else conversation_items(conversation_id, responses)
    ends = {"first_id": items[0]["id"] if items else None, "last_id": items[-1]["id"] if items else None}
    return await call.answer({"object": "list", "data": items, "has_more": False, **ends})


@router.put("/project/webhook")
async def set_webhook(request: Request, _: Account, responses: Responses) -> Response:
    """In place of the dashboard, where a project's webhook is registered: `{"url": …}`."""
    url = (await json_body(request)).get("url")
    responses.context.archive.clear(KIND_OF_WEBHOOKS)
    if isinstance(url, str):
        responses.context.archive.put(KIND_OF_WEBHOOKS, "project", url)
    return Response(status_code=204)


async def created(body: dict[str, Any], account: str, call: VendorCall, responses: TaskEngine) -> Response:
    """A new response, of a body that was checked."""
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


async def answered(account: str, call: VendorCall, responses: TaskEngine, response_id: str) -> Response:
    """How a response stands."""
    task = task_of(responses, account, response_id)
    call.join(responses.context.board.take(Operation.GET, task.id))
    await call.raise_if_refused()
    return await call.answer(response_document(task, responses, call.faults))


async def canceled(
    account: str, call: VendorCall, responses: TaskEngine, response_id: str, error_response: ErrorResponse
) -> Response:
    """One that has ended is left as it is, and may be canceled again. `error_response` is the dialect's."""
    task = task_of(responses, account, response_id)
    await call.raise_if_refused()
    if Fault.CANCEL_REFUSED in call.faults:
        return error_response(call.faults.status(Fault.CANCEL_REFUSED), {})
    if Fault.CANCEL_IGNORED not in call.faults:
        responses.cancel(task)
    return await call.answer(response_document(task, responses, call.faults))


def check(body: Mapping[str, Any], responses: TaskEngine) -> None:
    """Raises Refusal (400) that names the field."""
    tool = tool_of(body) or {}
    wrong = None
    if not isinstance(body.get("model"), str):
        wrong = "Missing required parameter: 'model'."
    elif not prompt_of(body):
        wrong = "Missing required parameter: 'input'."
    elif (tool.get("size") or "auto") not in SIZES:
        wrong = f"Invalid value: '{tool['size']}'. Supported values for tools[0].size are: {', '.join(SIZES)}."
    elif (tool.get("output_format") or "png") not in ENDING_OF:
        wrong = "Invalid value for tools[0].output_format."
    elif body.get("background") is not True:
        wrong = "Only background responses are simulated: set 'background' to true."
    elif (conversation := body.get("conversation")) is not None and (
        responses.context.archive.get(KIND_OF_CONVERSATIONS, str(conversation)) is None
    ):
        wrong = f"Conversation with id '{conversation}' not found."
    if wrong is not None:
        raise Refusal(error_response(400, {}, wrong))


def task_of(responses: TaskEngine, account: str, response_id: str) -> SimulatedTask:
    """Raises Refusal (404)."""
    task = responses.find(response_id, account=account)
    if task is None:
        raise Refusal(error_response(404, {}, f"Response with id '{response_id}' not found."))
    return task


async def json_body(request: Request) -> dict[str, Any]:
    """Raises Refusal (400, 413)."""
    received = await request.body()
    if len(received) > MAX_BODY:
        raise Refusal(error_response(413, {}))
    try:
        body = json.loads(received or b"{}")
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Refusal(error_response(400, {}, "We could not parse the JSON body of your request."))
    return body
