"""The models of the catalogue as response documents."""

from collections.abc import Mapping
from functools import reduce
from typing import Any

from pydantic import BaseModel

from aijobs.domain.catalogue import Model, ParameterTexts
from aijobs.domain.jobs.parameters import TEXTS
from aijobs.domain.values.languages.language import LANGUAGES
from aijobs.domain.values.languages.localized_text import LocalizedText
from aijobs.domain.values.languages.messages import Messages
from aijobs.usecases.models import AvailableModels
from api.schemas.jobs import CatalogueEntry


def model_responses(models: AvailableModels) -> list[CatalogueEntry]:
    """All models. Those whose provider has no key here are marked as not configured."""
    return [model_response(models, model) for model in models]


def model_response(models: AvailableModels, model: Model) -> CatalogueEntry:
    fields = {
        "model_name": str(model.model_name),
        "model_name_in": model.model_name.in_every_language(),
        "model_desc": str(model.model_desc),
        "model_desc_in": model.model_desc.in_every_language(),
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
    """The parameters' JSON Schema, with the operator's texts, allowed values and defaults."""
    parameters = models.parameters_of(model)
    if parameters is None:
        return None
    schema = parameters.model_json_schema()
    rules = model.parameters
    for name, declared in schema.get("properties", {}).items():
        _say(name, declared, rules)
        if name in rules.allowed:
            declared["enum"] = list(rules.allowed[name])
        if name in rules.defaults:
            declared["default"] = rules.defaults[name]
    schema["required"] = [name for name in schema.get("required", []) if name not in rules.defaults]
    return schema


def _say(name: str, declared: dict[str, Any], texts: ParameterTexts) -> None:
    """Adds a parameter's label and description in each language: the catalogue's, the provider's, else our own."""
    of_the_provider = declared.pop(TEXTS, {})
    label = _laid(texts.labels.get(name), of_the_provider.get("label"), _own_label(name))
    description = _laid(
        texts.descriptions.get(name), of_the_provider.get("description"), declared.get("description") or None
    )
    if name in texts.descriptions:
        declared["description"] = str(description)
    declared["x-in"] = {
        language.value: {"label": label.in_words(words), "description": description.in_words(words)}
        for language in LANGUAGES
        for words in (Messages(language),)
    }


def _own_label(name: str) -> dict[str, str] | str:
    """The parameter's name, where no language has a word for it."""
    known = (Messages(language) for language in LANGUAGES)
    return {words.language.value: words("parameter." + name) for words in known if words.has("parameter", name)} or name


def _laid(*written: LocalizedText | Mapping[str, str] | str | None) -> LocalizedText:
    """Each over those behind it."""
    texts = [LocalizedText.model_validate(one) for one in written if one is not None]
    return reduce(lambda below, above: above.over(below), reversed(texts)) if texts else LocalizedText("")
