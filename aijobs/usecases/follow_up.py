"""Actions on finished jobs: which a job offers, what each takes, and checks of the job that is acted on."""

from aijobs.domain.catalogue import Model
from aijobs.domain.errors import FieldError, InvalidParameters, NotFound
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.jobs.parameters import FollowUp, Parameters
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import ActionProvider
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.tables import JobRow
from aijobs.usecases.models import AvailableModels


def parameters_for(models: AvailableModels, model: Model, action: str | None) -> type[Parameters]:
    """The parameters of a request for a model; an action may have its own. Raises ModelNotConfigured."""
    adapter = models.configured_adapter(model)
    follow_up = adapter.follow_up(model, action) if isinstance(adapter, ActionProvider) else None
    return follow_up or adapter.parameters(model)


def actions_of(models: AvailableModels, job: JobRow) -> list[str]:
    """The actions that a job offers; none unless it has succeeded."""
    if job.job_status is not JobStatus.SUCCESS or job.model_id not in models:
        return []
    adapter = models.adapter_of(models.model(job.model_id))
    return list(adapter.offered(job.resp_json or {})) if isinstance(adapter, ActionProvider) else []


async def checked_origin(
    database: Database,
    models: AvailableModels,
    request: JobRequest,
    model: Model,
    params: Parameters,
    *,
    user_id: str,
) -> str | None:
    """The code of the job that an action is applied to; None for a plain job. Raises InvalidParameters."""
    if not isinstance(params, FollowUp):
        return None
    try:
        origin = await database.read(job_of, params.origin, user_id=user_id)
    except NotFound as error:
        raise _invalid_origin("There is no such job of this user.") from error
    if origin.job_status is not JobStatus.SUCCESS:
        raise _invalid_origin(f"Only a job that has succeeded can be acted on; this one is {origin.job_status.name}.")
    if origin.model_id not in models or models.model(origin.model_id).provider != model.provider:
        raise _invalid_origin(f"{model.model_name} cannot act on what {origin.model_name} has made.")
    offered = actions_of(models, origin)
    if request.action not in offered:
        problem = f"{origin.code} offers: {', '.join(offered)}." if offered else f"{origin.code} offers no actions."
        raise InvalidParameters("The job does not offer this action.", FieldError("/action", problem))
    return origin.code


def _invalid_origin(problem: str) -> InvalidParameters:
    return InvalidParameters("The action has nothing to act on.", FieldError("/params/origin", problem))
