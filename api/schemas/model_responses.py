"""The models of the catalogue as response documents."""

from typing import Any

from pydantic import BaseModel

from aijobs.domain.catalogue import Model
from aijobs.domain.values.languages.language import LANGUAGES
from aijobs.domain.values.languages.messages import Messages
from aijobs.usecases.models import AvailableModels
from api.schemas.jobs import CatalogueEntry


def model_responses(models: AvailableModels) -> list[CatalogueEntry]:
    """All models. Those whose provider has no key here are marked as not configured."""
    return [model_response(models, model) for model in models]


def model_response(models: AvailableModels, model: Model) -> CatalogueEntry:
    fields = {
        "model_desc_in": _in_each_language(model.model_desc),
        "unit_progress": [status.name for status in sorted(model.unit_progress)],
        "deadlines": _in_seconds(model.deadlines),
        "poll": _in_seconds(model.poll),
        "learning": _in_seconds(model.learning),
        "configured": models.adapter_of(model) is not None,
        "parameters": _schema(models, model),
        "capabilities": models.capabilities_of(model),
    }
    return CatalogueEntry.model_validate({**dict(model), **fields})


def _in_seconds(section: BaseModel) -> dict[str, Any]:
    return {name: getattr(value, "total_seconds", lambda value=value: value)() for name, value in section}


def _schema(models: AvailableModels, model: Model) -> dict[str, Any] | None:
    """The parameters' JSON Schema, with the operator's allowed values and defaults."""
    parameters = models.parameters_of(model)
    if parameters is None:
        return None
    schema = parameters.model_json_schema()
    rules = model.parameters
    for name, declared in schema.get("properties", {}).items():
        declared["x-in"] = _texts_of(name, declared.get("description", ""))
        if name in rules.allowed:
            declared["enum"] = list(rules.allowed[name])
        if name in rules.defaults:
            declared["default"] = rules.defaults[name]
    schema["required"] = [name for name in schema.get("required", []) if name not in rules.defaults]
    return schema


def _in_each_language(english: str) -> dict[str, str]:
    return {language.value: Messages(language).sentence(english) for language in LANGUAGES}


def _texts_of(name: str, description: str) -> dict[str, dict[str, str]]:
    """A parameter's label and description, in each language."""
    return {
        language.value: {
            "label": Messages(language).known("parameter", name),
            "description": Messages(language).sentence(description),
        }
        for language in LANGUAGES
    }
