"""TTAPI's HTTP API for Midjourney."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from sandbox.call import VendorCall
from sandbox.faults.catalogue import Fault, Operation
from sandbox.vendors.ttapi.dependencies import Account, CreateCall, GetCall, ListCall, OtherCall, ServiceDep
from sandbox.vendors.ttapi.envelopes import QUEUE_EXHAUSTED, envelope, refusal
from sandbox.vendors.ttapi.job import PACE_OF, MidjourneyJob, MidjourneyStatus
from sandbox.vendors.ttapi.request import read_action, read_imagine, read_json
from sandbox.vendors.ttapi.worker import UPSCALED_MODE, MidjourneyService

MAX_LIMIT: Final = 100

router = APIRouter(prefix="/midjourney")


@router.post("/v1/imagine")
async def imagine(request: Request, account: Account, call: CreateCall, service: ServiceDep) -> Response:
    body = await read_imagine(request)
    call.join(body.faults())
    await _raise_if_refused(call)
    service.check_room(account, body.mode)
    return await _accepted(call, service, service.imagine(body, account=account, lasting_faults=call.lasting_faults))


@router.post("/v1/action")
async def action(request: Request, account: Account, call: CreateCall, service: ServiceDep) -> Response:
    body = await read_action(request)
    await _raise_if_refused(call)
    origin = service.store.find(body.job_id, account=account)
    service.check_room(account, UPSCALED_MODE)
    return await _accepted(call, service, service.act(body, origin, lasting_faults=call.lasting_faults))


@router.get("/v1/fetch")
async def fetch(
    account: Account, call: GetCall, service: ServiceDep, job_id: Annotated[str, Query(alias="jobId")] = ""
) -> Response:
    return await _fetched(account, call, service, job_id)


@router.post("/v1/fetch")
async def fetch_by_post(request: Request, account: Account, call: GetCall, service: ServiceDep) -> Response:
    return await _fetched(account, call, service, str((await read_json(request)).get("jobId", "")))


@router.get("/v1/fetch-list")
async def fetch_list(
    account: Account,
    call: ListCall,
    service: ServiceDep,
    page: int = 1,
    limit: int = 10,
    status: str = "SUCCESS",
    order: str = "desc",
) -> Response:
    """Lists succeeded jobs, unless another status is requested."""
    if (
        status not in MidjourneyStatus.__members__
        or not 1 <= limit <= MAX_LIMIT
        or page < 1
        or order not in ("asc", "desc")
    ):
        raise refusal(400)
    items, total = service.store.page(
        account, MidjourneyStatus[status], number=page, limit=limit, newest_first=order == "desc", faults=call.faults
    )
    return await call.answer(envelope({"list": items, "total": total, "page": page, "limit": limit}))


@router.get("/v1/info")
async def info(account: Account, call: OtherCall, service: ServiceDep) -> Response:
    account_info = {
        "email": "sandbox@example.com",
        "balance": service.store.balance(account),
        "freeze_balance": service.store.frozen(account),
        "max_queue": service.rules.max_queue,
    }
    return await call.answer(envelope(account_info))


@router.get("/status")
async def status_of_the_modes(call: OtherCall, service: ServiceDep) -> Response:
    """The average duration of a job of each mode, in seconds."""
    pace = service.context.pace
    return await call.answer(
        envelope({mode: round((pace.queue_seconds + pace.work_seconds) * share, 1) for mode, share in PACE_OF.items()})
    )


async def _raise_if_refused(call: VendorCall) -> None:
    """Raises Refusal, also for the faults that only TTAPI has."""
    if Fault.REFUSED_WITH_200 in call.faults:
        raise refusal(200, "The prompt was rejected.")
    if Fault.QUEUE_EXHAUSTED in call.faults:
        raise refusal(QUEUE_EXHAUSTED)
    await call.raise_if_refused()


async def _accepted(call: VendorCall, service: MidjourneyService, job: MidjourneyJob) -> Response:
    """SUCCESS means that the job was accepted."""
    if Fault.WEBHOOK_EARLY in service.context.board.faults_of(job.id):
        await service.context.webhooks.first_delivered(job.id)
    id_key = "job_id" if Fault.SNAKE_CASE_ID in call.faults else "jobId"
    data: dict[str, Any] = {} if Fault.NO_ID in call.faults else {id_key: job.id}
    return await call.answer(envelope(data))


async def _fetched(account: str, call: VendorCall, service: MidjourneyService, job_id: str) -> Response:
    if not job_id:
        raise refusal(400, "jobId is required.")
    job = service.store.find(job_id, account=account)
    call.join(service.context.board.take(Operation.GET, job.id))
    await call.raise_if_refused()
    return await call.answer(service.store.document(job, call.faults))
