"""Actions on finished jobs: which a job offers, what each takes, and that it is really there to be acted on."""

from aijobs.domain.catalogue import Model
from aijobs.domain.errors import FieldError, InvalidParameters, NotFound
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.jobs.parameters import FollowUp, Parameters
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import ActionProvider
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.tables import JobRow
from api.dependencies import Parts


def parameters_for(parts: Parts, model: Model, action: str | None) -> type[Parameters] | None:
    """What a request for a model takes: an action may take something else. Nothing without the provider's key."""
    adapter = parts.adapter_of(model)
    follow_up = adapter.follow_up(model, action) if isinstance(adapter, ActionProvider) else None
    return follow_up or parts.parameters_of(model)


def actions_of(parts: Parts, row: JobRow) -> list[str]:
    """The actions that a job offers now."""
    if row.job_status is not JobStatus.SUCCESS or row.model_id not in parts.catalogue:
        return []
    adapter = parts.adapter_of(parts.catalogue.model(row.model_id))
    return list(adapter.offered(row.resp_json or {})) if isinstance(adapter, ActionProvider) else []


async def checked_origin(
    parts: Parts, request: JobRequest, model: Model, params: Parameters, *, user_id: str
) -> str | None:
    """The code of the job that an action is done to; nothing for a plain job. Raises InvalidParameters."""
    if not isinstance(params, FollowUp):
        return None
    try:
        async with parts.database.read() as session:
            origin = await job_of(session, params.origin, user_id=user_id)
    except NotFound as missing:
        raise _unfit("There is no such job of this user.") from missing
    if origin.job_status is not JobStatus.SUCCESS:
        raise _unfit(f"Only a job that has succeeded can be acted on; this one is {origin.job_status.name}.")
    if origin.model_id not in parts.catalogue or parts.catalogue.model(origin.model_id).provider != model.provider:
        raise _unfit(f"{model.model_name} cannot act on what {origin.model_name} has made.")
    offered = actions_of(parts, origin)
    if request.action not in offered:
        listed = f"{origin.code} offers: {', '.join(offered)}." if offered else f"{origin.code} offers no actions."
        raise InvalidParameters("The job does not offer this action.", FieldError("/action", listed))
    return origin.code


def _unfit(why: str) -> InvalidParameters:
    return InvalidParameters("The action has nothing to act on.", FieldError("/params/origin", why))
