"""The buttons of a job's page, each with its use case."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse

from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.domain.jobs.job import JobRequest, RerunFrom
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.jobs.resolutions import Resolution
from aijobs.usecases.delete import JOB
from api.auth.caller import Resolver, Writer
from api.dependencies import Accept, Cancel, Db, Deleting, Rerun, Resolve
from api.requests.paths import JobCode
from dashboard.page import PageRoute, go_to

MAX_REF_LENGTH: Final = 200

Reason = Annotated[str, Form(max_length=500)]
FormKey = Annotated[str, Form(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.post("/jobs/{code}/cancel")
async def cancel(caller: Writer, code: JobCode, cancel_job: Cancel, reason: Reason = "") -> RedirectResponse:
    await cancel_job(code, caller.actor, reason=reason.strip() or None)
    return go_to(f"/jobs/{code}")


@router.post("/jobs/{code}/delete")
async def delete_job(caller: Writer, code: JobCode, delete: Deleting) -> RedirectResponse:
    """Shows the list, in which the job is no more."""
    await delete(JOB, code, caller.actor)
    return go_to("/jobs")


@router.post("/jobs/{code}/rerun")
async def rerun(
    caller: Writer,
    code: JobCode,
    rerun_job: Rerun,
    start: Annotated[RerunFrom, Form(alias="from")],
    idempotency_key: FormKey,
) -> RedirectResponse:
    """Shows the new job. The form has an idempotency key: sent twice, it makes one job."""
    receipt = await rerun_job(code, start, caller.actor, idempotency_key=idempotency_key)
    return go_to(f"/jobs/{receipt.code}")


@router.post("/jobs/{code}/act")
async def act(
    caller: Writer,
    code: JobCode,
    accept: Accept,
    database: Db,
    action: Annotated[str, Form(max_length=100)],
    idempotency_key: FormKey,
) -> RedirectResponse:
    """Shows the new job, which uses an output of this one."""
    origin = await database.read(job_of, code, user_id=caller.visible_user)
    job_request = JobRequest(model_id=origin.model_id, user_id=origin.user_id, action=action, params={"origin": code})
    receipt = await accept(job_request, caller.owner(origin.user_id), idempotency_key=idempotency_key)
    return go_to(f"/jobs/{receipt.code}")


@router.post("/jobs/{code}/resolve")
async def resolve(
    caller: Resolver,
    code: JobCode,
    resolve_job: Resolve,
    decision: Annotated[Resolution | Literal["attach"], Form()],
    why: Reason = "",
    ref: Annotated[str, Form(max_length=MAX_REF_LENGTH)] = "",
) -> RedirectResponse:
    why, ref = why.strip(), ref.strip()
    if not why:
        raise InvalidParameters("A decision needs its reason.", FieldError("/why", "Say why; it is kept."))
    if isinstance(decision, Resolution):
        await resolve_job.settle_points(code, decision, caller.actor, why=why)
    elif ref:
        await resolve_job.attach(code, ref, caller.actor, why=why)
    else:
        raise InvalidParameters("Which one?", FieldError("/ref", "Name the provider's id of the work."))
    return go_to(f"/jobs/{code}")
