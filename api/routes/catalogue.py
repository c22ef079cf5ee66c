"""What there is: models with their parameters, dictionaries, and what is left of today's points."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from aijobs.domain.catalogue import Model
from aijobs.domain.lifecycle import OVERALL_PROGRESS, JobStatus
from api.auth.caller import Reader
from api.checked_route import CheckedRoute
from api.dependencies import AllParts, Parts
from api.problems import problem_responses
from api.schemas import jobs as shapes

router = APIRouter(tags=["catalogue"], route_class=CheckedRoute)


@router.get("/api/models", summary="List the models", responses=problem_responses(401, 403))
async def list_models(_: Reader, parts: AllParts) -> shapes.Page[shapes.CatalogueEntry]:
    """Those whose provider has no key here are listed as not configured."""
    return shapes.Page(data=[_entry(parts, model) for model in parts.catalogue])


@router.get("/api/dicts", summary="Look up what codes mean", responses=problem_responses(401, 403))
async def dictionaries(_: Reader, parts: AllParts) -> shapes.Dictionaries:
    statuses = [
        shapes.StatusEntry(code=s, name=s.name, zh=s.zh, en=s.en, overall=OVERALL_PROGRESS[s]) for s in JobStatus
    ]
    return shapes.Dictionaries(
        statuses=statuses, models={model.model_id: model.model_desc for model in parts.catalogue}
    )


def _entry(parts: Parts, model: Model) -> shapes.CatalogueEntry:
    told = {
        "unit_progress": [status.name for status in sorted(model.unit_progress)],
        "deadlines": _in_seconds(model.deadlines),
        "poll": _in_seconds(model.poll),
        "configured": parts.adapter_of(model) is not None,
        "parameters": _schema(parts, model),
        "capabilities": parts.capabilities_of(model),
    }
    return shapes.CatalogueEntry.model_validate({**dict(model), **told})


def _in_seconds(section: BaseModel) -> dict[str, float]:
    return {name: getattr(value, "total_seconds", lambda value=value: value)() for name, value in section}


def _schema(parts: Parts, model: Model) -> dict[str, Any] | None:
    """With what the operator narrows, and the operator's defaults."""
    parameters = parts.parameters_of(model)
    if parameters is None:
        return None
    schema = parameters.model_json_schema()
    rules = model.parameters
    for name, declared in schema.get("properties", {}).items():
        if name in rules.allowed:
            declared["enum"] = list(rules.allowed[name])
        if name in rules.defaults:
            declared["default"] = rules.defaults[name]
    schema["required"] = [name for name in schema.get("required", []) if name not in rules.defaults]
    return schema
