"""Bedrock's HTTP API: start an invocation, get one, list them."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.responses import JSONResponse, Response

from sandbox.call import Refusal, VendorCall
from sandbox.clock import now_ns, parse_stamp
from sandbox.context import vendor_call
from sandbox.faults.catalogue import Fault, Operation
from sandbox.ids_and_links import new_id
from sandbox.tasks.engine import TaskEngine
from sandbox.tasks.task import SimulatedTask
from sandbox.vendors.bedrock.invocations import WORDS, arn_of, document_of, tasks_of
from sandbox.vendors.bedrock.request import INPUTS, StartRequest
from sandbox.vendors.bedrock.signatures import BadSignature, access_key_of

ID_LENGTH: Final = 12

#: By the status that stands for it everywhere in the sandbox: the status at AWS, the name and the message.
ERRORS: Final[Mapping[int, tuple[int, str, str]]] = {
    401: (403, "UnrecognizedClientException", "The security token included in the request is invalid."),
    402: (
        403,
        "AccessDeniedException",
        "Model access is denied due to INVALID_PAYMENT_INSTRUMENT: A valid payment instrument must be provided.",
    ),
    404: (404, "ResourceNotFoundException", "The specified resource could not be found."),
    422: (400, "ValidationException", "The provided request is not valid."),
    429: (429, "ThrottlingException", "Too many requests, please wait before trying again."),
    503: (503, "ServiceUnavailableException", "The service is temporarily unavailable."),
}
FAILURE: Final = (500, "InternalServerException", "An internal server error occurred.")


def error_response(status: int, headers: Mapping[str, str], name: str | None = None, message: str = "") -> Response:
    """`name` and `message` where they are other than usual with this status."""
    sent, usual_name, usual = ERRORS.get(status, (status if status >= 500 else 400, *FAILURE[1:]))
    return JSONResponse({"message": message or usual}, sent, {"x-amzn-ErrorType": name or usual_name, **headers})


async def account_of(request: Request) -> str:
    """The access key of a signed request. Raises Refusal (403)."""
    try:
        return await access_key_of(request, "bedrock")
    except BadSignature as refused:
        raise Refusal(error_response(401, {}, str(refused))) from None


router = APIRouter()
Account = Annotated[str, Depends(account_of)]
Tasks = Annotated[TaskEngine, Depends(tasks_of)]
CreateCall = Annotated[VendorCall, Depends(vendor_call(Operation.CREATE, error_response))]
GetCall = Annotated[VendorCall, Depends(vendor_call(Operation.GET, error_response))]
ListCall = Annotated[VendorCall, Depends(vendor_call(Operation.LIST, error_response))]


@router.post("/async-invoke")
async def start_async_invoke(request: Request, account: Account, call: CreateCall, tasks: Tasks) -> Response:
    """The same request with the same token is the same invocation; another one with it is a conflict."""
    body = _checked(await request.body())
    await call.raise_if_refused()
    given = body.model_dump(by_alias=True, exclude_none=True)
    task = _known(tasks, account, body.client_request_token)
    if task is not None and task.request != given:
        raise Refusal(error_response(422, {}, "ConflictException", "The token was used with another request."))
    if task is None:
        task = SimulatedTask(
            id=new_id()[:ID_LENGTH],
            account=account,
            model=body.model_id,
            request=given,
            created_ns=now_ns(),
            correlation=body.client_request_token,
        )
        tasks.accept(task, call.lasting_faults)
    return await call.answer({} if Fault.NO_ID in call.faults else {"invocationArn": arn_of(task.id)})


@router.get("/async-invoke/{arn:path}")
async def get_async_invoke(account: Account, call: GetCall, tasks: Tasks, arn: str) -> Response:
    task = tasks.find(arn.rpartition("/")[2], account=account)
    if task is None or arn != arn_of(task.id):
        raise Refusal(error_response(404, {}))
    call.join(tasks.context.board.take(Operation.GET, task.id))
    await call.raise_if_refused()
    return await call.answer(document_of(task, tasks, call.faults))


@router.get("/async-invoke")
async def list_async_invokes(request: Request, account: Account, call: ListCall, tasks: Tasks) -> Response:
    await call.raise_if_refused()
    query = request.query_params
    after, before = _time_in(query, "submitTimeAfter"), _time_in(query, "submitTimeBefore")
    shown = [
        task
        for task in tasks
        if task.account == account
        and not call.hides(task.created_ns)
        and (after is None or task.created_ns > after)
        and (before is None or task.created_ns < before)
        and query.get("statusEquals") in {None, WORDS[task.status]}
    ]
    if query.get("sortOrder") != "Ascending":
        shown.reverse()
    first = _number_in(query, "nextToken", 0)
    size = min(_number_in(query, "maxResults", 1_000), tasks.context.config.page_size)
    page: dict[str, Any] = {
        "asyncInvokeSummaries": [document_of(task, tasks, call.faults) for task in shown[first : first + size]]
    }
    if first + size < len(shown):
        page["nextToken"] = str(first + size)
    return await call.answer(page)


def _known(tasks: TaskEngine, account: str, token: str | None) -> SimulatedTask | None:
    mine = (task for task in tasks if token is not None and task.account == account)
    return next((task for task in mine if task.correlation == token), None)


def _time_in(query: Mapping[str, str], name: str) -> int | None:
    """In nanoseconds. Raises Refusal (400)."""
    try:
        return parse_stamp(query[name]) if name in query else None
    except ValueError:
        raise Refusal(error_response(422, {}, message=f"{name} is no time.")) from None


def _number_in(query: Mapping[str, str], name: str, usual: int) -> int:
    """Raises Refusal (400)."""
    if not query.get(name, "0").isdecimal():
        raise Refusal(error_response(422, {}, message=f"{name} is not valid."))
    return int(query.get(name, usual))


def _checked(body: bytes) -> StartRequest:
    """Raises Refusal: ValidationException, or ResourceNotFoundException for a model that is not there."""
    try:
        start = StartRequest.model_validate_json(body)
        if start.model_id not in INPUTS:
            raise Refusal(error_response(404, {}, message=f"Could not resolve the foundation model {start.model_id}."))
        INPUTS[start.model_id].model_validate(start.model_input)
    except ValidationError as invalid:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in invalid.errors())
        raise Refusal(error_response(422, {}, message=f"The provided request is not valid: {wrong}")) from None
    return start
