"""Replicate's HTTP API for predictions, models, the account and the webhook secret."""

from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import Response

from sandbox.call import Refusal, VendorCall
from sandbox.clock import parse_stamp
from sandbox.faults.catalogue import Fault, Operation
from sandbox.vendors.replicate.dependencies import (
    Authenticated,
    CancelCall,
    CreateCall,
    GetCall,
    ListCall,
    OtherCall,
    ServiceDep,
)
from sandbox.vendors.replicate.errors import not_found, problem, unknown_version
from sandbox.vendors.replicate.models import MODELS, ReplicateModel, model_for_version
from sandbox.vendors.replicate.prediction import Prediction
from sandbox.vendors.replicate.request import read_create_request, seconds_to_wait
from sandbox.vendors.replicate.response import as_blocking_reply
from sandbox.vendors.replicate.service import ReplicateService
from sandbox.vendors.replicate.store import page_url

router = APIRouter(prefix="/v1", dependencies=[Authenticated])


@router.post("/models/{owner}/{name}/predictions")
async def create_with_official_model(
    request: Request, call: CreateCall, service: ServiceDep, owner: str, name: str
) -> Response:
    return await _create(request, call, service, model=_model(owner, name))


@router.post("/predictions")
async def create_with_version(request: Request, call: CreateCall, service: ServiceDep) -> Response:
    return await _create(request, call, service, model=None)


@router.get("/predictions/{prediction_id}")
async def get_prediction(call: GetCall, service: ServiceDep, prediction_id: str) -> Response:
    prediction = await service.store.find(prediction_id)
    call.join(service.context.board.take(Operation.GET, prediction.id))
    await call.raise_if_refused()
    return await call.answer(service.store.document(prediction, call.faults))


@router.get("/predictions")
async def list_predictions(request: Request, call: ListCall, service: ServiceDep) -> Response:
    query = request.query_params
    filters = {key: query[key] for key in ("created_after", "created_before", "source") if key in query}
    page = await service.store.page(matches=_matcher(filters), cursor=query.get("cursor"), faults=call.faults)
    base_url = service.context.config.base_url
    return await call.answer(
        {
            "next": page_url(base_url, page.next_cursor, filters),
            "previous": page_url(base_url, page.previous_cursor, filters),
            "results": [service.store.document(prediction) for prediction in page.items],
        }
    )


@router.post("/predictions/{prediction_id}/cancel")
async def cancel_prediction(call: CancelCall, service: ServiceDep, prediction_id: str) -> Response:
    prediction = await service.store.find(prediction_id)
    call.join(service.context.board.take(Operation.CANCEL, prediction.id))
    await call.raise_if_refused()
    if Fault.CANCEL_REFUSED in call.faults:
        return problem(call.faults.status(Fault.CANCEL_REFUSED))
    if Fault.CANCEL_IGNORED not in call.faults:
        await service.worker.cancel(prediction)
    return await call.answer(service.store.document(prediction))


@router.get("/models/{owner}/{name}")
async def get_model(call: OtherCall, service: ServiceDep, owner: str, name: str) -> Response:
    model = _model(owner, name)
    return await call.answer(model.document(run_count=service.store.runs_of(model.full_name)))


@router.get("/models/{owner}/{name}/versions/{version}")
async def get_model_version(call: OtherCall, owner: str, name: str, version: str) -> Response:
    model = _model(owner, name)
    if version != model.version:
        raise not_found()
    return await call.answer(model.version_document())


@router.get("/account")
async def get_account(call: OtherCall) -> Response:
    account = {"type": "organization", "username": "sandbox", "name": "Sandbox", "github_url": None, "avatar_url": None}
    return await call.answer(account)


@router.get("/webhooks/default/secret")
async def get_webhook_secret(call: OtherCall, service: ServiceDep) -> Response:
    return await call.answer({"key": service.context.webhooks.secret})


async def _create(
    request: Request, call: VendorCall, service: ReplicateService, *, model: ReplicateModel | None
) -> Response:
    create_request = await read_create_request(request, with_version=model is None)
    version = "hidden"
    if model is None:
        model = model_for_version(create_request.version)
        if model is None:
            raise unknown_version()
        version = model.version
    create_request.check_against(model)
    call.join(service.faults_of(create_request))
    await call.raise_if_refused()
    prediction = service.accept(
        create_request,
        model,
        version=version,
        cancel_after=request.headers.get("cancel-after"),
        lasting_faults=call.lasting_faults,
    )
    if Fault.WEBHOOK_EARLY in service.context.board.faults_of(prediction.id):
        await service.context.webhooks.first_delivered(prediction.id)
    return await _created(call, service, prediction, wait=seconds_to_wait(request.headers.get("prefer")))


async def _created(
    call: VendorCall, service: ReplicateService, prediction: Prediction, *, wait: int | None
) -> Response:
    if wait is None:
        return await call.answer(service.store.document(prediction, call.faults), status=201)
    await service.worker.wait(prediction, wait)
    reply = as_blocking_reply(service.store.document(prediction, call.faults))
    status = 201 if prediction.status.is_final else 202
    return await call.answer(reply, status=status, headers={"preference-applied": f"wait={wait}"})


def _model(owner: str, name: str) -> ReplicateModel:
    model = MODELS.get(f"{owner}/{name}")
    if model is None:
        raise not_found()
    return model


def _matcher(filters: dict[str, str]) -> Callable[[Prediction], bool]:
    """A predicate for the requested predictions. Raises Refusal (422) for an invalid time or source."""
    if filters.get("source", "web") != "web":
        raise Refusal(problem(422, detail="source must be: web"))
    try:
        after = parse_stamp(filters["created_after"]) if "created_after" in filters else 0
        before = parse_stamp(filters["created_before"]) if "created_before" in filters else None
    except ValueError as garbled:
        raise Refusal(problem(422, detail=str(garbled))) from garbled
    from_web = "source" in filters  # all predictions of the sandbox came through the API

    def matches(prediction: Prediction) -> bool:
        in_time = prediction.created_ns >= after and (before is None or prediction.created_ns < before)
        return in_time and not from_web

    return matches
