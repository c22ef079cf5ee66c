"""The HTTP API of a cog server, below `/cog`."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import JSONResponse, Response

from sandbox.call import Refusal, VendorCall
from sandbox.clock import now_ns
from sandbox.context import vendor_call
from sandbox.faults.catalogue import Fault, Operation
from sandbox.ids_and_links import new_id
from sandbox.tasks.task import SimulatedTask
from sandbox.vendors.cog.predictions import SLOTS, CogService, Painting, document_of, openapi, service_of, tell

MESSAGES: Final = {401: "Unauthorized", 402: "Payment Required", 404: "Not Found", 429: "Too Many Requests"}


class PredictionRequest(BaseModel):
    """The body of a create."""

    model_config = ConfigDict(extra="ignore", strict=True)

    id: str | None = None
    input: dict[str, Any]
    webhook: str | None = Field(default=None, pattern=r"^https?://\S+$")
    webhook_events_filter: list[Literal["start", "output", "logs", "completed"]] | None = None


def error_response(status: int, headers: Mapping[str, str], message: str | None = None) -> Response:
    """Of what stands before the server: it has no keys and no limits of its own."""
    return JSONResponse({"detail": message or MESSAGES.get(status, "It cannot be done.")}, status, headers)


router = APIRouter(prefix="/cog")
Service = Annotated[CogService, Depends(service_of)]
CreateCall = Annotated[VendorCall, Depends(vendor_call(Operation.CREATE, error_response))]
GetCall = Annotated[VendorCall, Depends(vendor_call(Operation.GET, error_response))]
OtherCall = Annotated[VendorCall, Depends(vendor_call(Operation.OTHER, error_response))]
CancelCall = Annotated[VendorCall, Depends(vendor_call(Operation.CANCEL, error_response))]


@router.put("/predictions/{prediction_id}")
async def create(request: Request, call: CreateCall, service: Service, prediction_id: str) -> Response:
    """A second request while it runs is answered with the prediction as it is; after its end it runs again."""
    body = _checked(await request.body())
    if body.id not in (None, prediction_id):
        raise _other_id()
    await call.raise_if_refused()
    running = service.running(prediction_id)
    if running is not None:
        return await call.answer(document_of(running, service.tasks) | {"input": running.request["input"]}, status=202)
    _checked_input(body.input)
    if len(service.in_flight()) >= SLOTS:
        return JSONResponse({"error": "At capacity - all prediction slots busy", "status": "failed"}, 409)
    task = SimulatedTask(
        id=new_id(),
        account="",
        model="painter",
        request={**body.model_dump(exclude_none=True), "id": prediction_id},
        created_ns=now_ns(),
        webhook_url=body.webhook,
    )
    service.tasks.accept(task, call.lasting_faults)
    tell(task, service.tasks)
    if Fault.WEBHOOK_EARLY in service.tasks.faults_of(task) and task.webhook_url:
        await service.tasks.context.webhooks.first_delivered(task.id)
    return await call.answer({"id": prediction_id, "status": "starting"}, status=202)


@router.post("/predictions/{prediction_id}/cancel")
async def cancel(call: CancelCall, service: Service, prediction_id: str) -> Response:
    await call.raise_if_refused()
    running = service.running(prediction_id)
    if Fault.CANCEL_REFUSED in call.faults or running is None:
        return JSONResponse({}, 404)
    if Fault.CANCEL_IGNORED not in call.faults:
        service.tasks.cancel(running)
    return await call.answer({})


@router.get("/health-check")
async def health_check(call: GetCall, service: Service) -> Response:
    await call.raise_if_refused()
    return await call.answer(service.health())


@router.get("/openapi.json")
async def schema(call: OtherCall) -> Response:
    await call.raise_if_refused()
    return await call.answer(openapi())


def _checked(body: bytes) -> PredictionRequest:
    """Raises Refusal (422)."""
    try:
        return PredictionRequest.model_validate_json(body)
    except ValidationError as invalid:
        raise _refusal(invalid, "body") from None


def _checked_input(given: dict[str, Any]) -> None:
    """Raises Refusal (422)."""
    try:
        Painting.model_validate(given)
    except ValidationError as invalid:
        raise _refusal(invalid, "body", "input") from None


def _refusal(invalid: ValidationError, *place: str) -> Refusal:
    details = [{"loc": [*place, *one["loc"]], "msg": one["msg"], "type": "value_error"} for one in invalid.errors()]
    return Refusal(JSONResponse({"detail": details}, 422))


def _other_id() -> Refusal:
    message = "prediction ID must match the ID supplied in the URL"
    return Refusal(JSONResponse({"detail": [{"loc": ["body", "id"], "msg": message, "type": "value_error"}]}, 422))
