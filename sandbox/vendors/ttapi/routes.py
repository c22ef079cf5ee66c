"""TTAPI's HTTP API for Midjourney."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from sandbox.call import VendorCall
from sandbox.faults.catalogue import Fault, Operation
from sandbox.vendors.ttapi.access import Account, Calling, Fetching, Listing, ServiceDep, Submitting
from sandbox.vendors.ttapi.envelopes import QUEUE_EXHAUSTED, envelope, refusal
from sandbox.vendors.ttapi.job import PACE_OF, MidjourneyJob, MidjourneyStatus
from sandbox.vendors.ttapi.request import read_action, read_imagine, read_json
from sandbox.vendors.ttapi.worker import UPSCALED_MODE, MidjourneyService

MAX_LIMIT: Final = 100

router = APIRouter(prefix="/midjourney")


@router.post("/v1/imagine")
async def imagine(request: Request, account: Account, call: Submitting, service: ServiceDep) -> Response:
    asked = await read_imagine(request)
    call.join(asked.faults())
    await _refuse_if_told(call)
    service.check_room(account, asked.mode)
    return await _accepted(call, service, service.imagine(asked, account=account, riders=call.riders))


@router.post("/v1/action")
async def action(request: Request, account: Account, call: Submitting, service: ServiceDep) -> Response:
    asked = await read_action(request)
    await _refuse_if_told(call)
    origin = service.store.find(asked.job_id, account=account)
    service.check_room(account, UPSCALED_MODE)
    return await _accepted(call, service, service.act(asked, origin, riders=call.riders))


@router.get("/v1/fetch")
async def fetch(
    account: Account, call: Fetching, service: ServiceDep, job_id: Annotated[str, Query(alias="jobId")] = ""
) -> Response:
    return await _fetched(account, call, service, job_id)


@router.post("/v1/fetch")
async def fetch_by_post(request: Request, account: Account, call: Fetching, service: ServiceDep) -> Response:
    return await _fetched(account, call, service, str((await read_json(request)).get("jobId", "")))


@router.get("/v1/fetch-list")
async def fetch_list(
    account: Account,
    call: Listing,
    service: ServiceDep,
    page: int = 1,
    limit: int = 10,
    status: str = "SUCCESS",
    order: str = "desc",
) -> Response:
    """Shows finished jobs only, unless another status is asked for."""
    if (
        status not in MidjourneyStatus.__members__
        or not 1 <= limit <= MAX_LIMIT
        or page < 1
        or order not in ("asc", "desc")
    ):
        raise refusal(400)
    lines, total = service.store.page(
        account, MidjourneyStatus[status], number=page, limit=limit, newest_first=order == "desc", faults=call.faults
    )
    return await call.answer(envelope({"list": lines, "total": total, "page": page, "limit": limit}))


@router.get("/v1/info")
async def info(account: Account, call: Calling, service: ServiceDep) -> Response:
    told = {
        "email": "sandbox@example.com",
        "balance": service.store.balance(account),
        "freeze_balance": service.store.frozen(account),
        "max_queue": service.rules.max_queue,
    }
    return await call.answer(envelope(told))


@router.get("/status")
async def status_of_the_modes(call: Calling, service: ServiceDep) -> Response:
    """How long a job of each mode takes on average, in seconds."""
    pace = service.world.pace
    return await call.answer(
        envelope({mode: round((pace.queue_seconds + pace.work_seconds) * share, 1) for mode, share in PACE_OF.items()})
    )


async def _refuse_if_told(call: VendorCall) -> None:
    """Raises Refusal, with TTAPI's own ways to refuse among them."""
    if Fault.REFUSED_WITH_200 in call.faults:
        raise refusal(200, "The prompt was rejected.")
    if Fault.QUEUE_EXHAUSTED in call.faults:
        raise refusal(QUEUE_EXHAUSTED)
    await call.refuse_if_told()


async def _accepted(call: VendorCall, service: MidjourneyService, job: MidjourneyJob) -> Response:
    """SUCCESS means: taken."""
    if Fault.WEBHOOK_EARLY in service.world.board.riding(job.id):
        await service.world.webhooks.first_delivered(job.id)
    spelled = "job_id" if Fault.SNAKE_CASE_ID in call.faults else "jobId"
    data: dict[str, Any] = {} if Fault.NO_ID in call.faults else {spelled: job.id}
    return await call.answer(envelope(data))


async def _fetched(account: str, call: VendorCall, service: MidjourneyService, job_id: str) -> Response:
    if not job_id:
        raise refusal(400, "jobId is required.")
    job = service.store.find(job_id, account=account)
    call.join(service.world.board.take(Operation.GET, job.id))
    await call.refuse_if_told()
    return await call.answer(service.store.document(job, call.faults))
