"""The buttons of a job's page: each does what the API's route of the same name does."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse

from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.domain.jobs.job import JobRequest, RerunFrom
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.jobs.resolutions import Resolution
from api.accepting import take_in
from api.auth.caller import Operator, Writer
from api.dependencies import AllParts
from api.paths import JobCode
from api.routes.jobs import CancelRequest, cancel_job
from api.routes.reruns import RerunRequest, rerun_job
from api.routes.resolve import ResolutionRequest, resolve_job
from dashboard.page import PageRoute, go_to

Reason = Annotated[str, Form(max_length=500)]
FormKey = Annotated[str, Form(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.post("/jobs/{code}/cancel")
async def cancel(caller: Writer, code: JobCode, parts: AllParts, reason: Reason = "") -> RedirectResponse:
    await cancel_job(caller, code, parts, CancelRequest(reason=reason.strip() or None))
    return go_to(f"/jobs/{code}")


@router.post("/jobs/{code}/rerun")
async def rerun(
    caller: Writer,
    code: JobCode,
    parts: AllParts,
    start: Annotated[RerunFrom, Form(alias="from")],
    idempotency_key: FormKey,
) -> RedirectResponse:
    """Shows the new job. The key was made with the form: sent twice, it makes one job."""
    answer = await rerun_job(RerunRequest(start=start), caller, code, parts, idempotency_key)
    return go_to(answer.headers["Location"].removeprefix("/api"))


@router.post("/jobs/{code}/act")
async def act(
    caller: Writer,
    code: JobCode,
    parts: AllParts,
    action: Annotated[str, Form(max_length=100)],
    idempotency_key: FormKey,
) -> RedirectResponse:
    """Shows the new job, which works on the result of this one."""
    async with parts.database.read() as session:
        origin = await job_of(session, code, user_id=caller.visible_user)
    order = JobRequest(model_id=origin.model_id, user_id=origin.user_id, action=action, params={"origin": code})
    answer = await take_in(parts, caller, order, idempotency_key)
    return go_to(answer.location.removeprefix("/api"))


@router.post("/jobs/{code}/resolve")
async def resolve(
    caller: Operator,
    code: JobCode,
    parts: AllParts,
    decision: Annotated[Resolution | Literal["attach"], Form()],
    why: Reason = "",
    ref: Annotated[str, Form(max_length=200)] = "",
) -> RedirectResponse:
    if not why.strip():
        raise InvalidParameters("A decision needs its reason.", FieldError("/why", "Say why; it is kept."))
    if decision == "attach" and not ref.strip():
        raise InvalidParameters("Which one?", FieldError("/ref", "Name the provider's id of the work."))
    wanted = ResolutionRequest(
        decision=decision, ref=ref.strip() or None if decision == "attach" else None, why=why.strip()
    )
    await resolve_job(wanted, caller, code, parts)
    return go_to(f"/jobs/{code}")
