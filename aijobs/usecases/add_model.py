"""Adding any of a vendor's models to an installation, by the vendor's name for it."""

import re
from collections.abc import Container
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from aijobs.domain.catalogue import Model, ModelTexts, ParameterTexts
from aijobs.domain.errors import BadInput, FieldError, ModelNotConfigured
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.ports.providers import ModelSource, Provider
from aijobs.domain.provider_io import ModelDescription
from aijobs.domain.values.clean_text import clean
from aijobs.domain.values.json_pointer import pointer
from aijobs.domain.values.languages.localized_text import LocalizedText
from aijobs.persistence.added_models import add_model
from aijobs.persistence.database import Database
from aijobs.usecases.models import AvailableModels

MAX_SOURCE: Final = 300
MAX_POINTS: Final = 1_000_000
MAX_NAME: Final = 60
MAX_DESCRIPTION: Final = 500

SUBMIT: Final = timedelta(hours=1)
QUEUE: Final = timedelta(hours=2)
MIGRATE: Final = timedelta(hours=1)
BUSINESS: Final = timedelta(hours=24)


class ModelRequest(ModelTexts):
    """What to add. `source` is a provider's name, a colon, and the model's name there."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())

    source: str = Field(
        pattern=r"^[a-z0-9_]{1,40}:\S+$",
        max_length=MAX_SOURCE,
        description="The provider, and the model's name there.",
        examples=["provider:owner/name"],
    )
    unit_point: int = Field(default=1, ge=0, le=MAX_POINTS, description="The price of a job, in points.")
    output_kind: OutputKind | None = Field(
        default=None, strict=False, description="What its results are. Default: as the vendor describes them."
    )

    @field_validator("model_name", "model_desc")
    @classmethod
    def _not_too_long(cls, text: LocalizedText | None, field: ValidationInfo) -> LocalizedText | None:
        _check_length(text, MAX_NAME if field.field_name == "model_name" else MAX_DESCRIPTION)
        return text

    @field_validator("parameters")
    @classmethod
    def _none_too_long(cls, texts: ParameterTexts | None) -> ParameterTexts | None:
        for label in texts.labels.values() if texts else ():
            _check_length(label, MAX_NAME)
        for description in texts.descriptions.values() if texts else ():
            _check_length(description, MAX_DESCRIPTION)
        return texts


def _check_length(text: LocalizedText | None, most: int) -> None:
    if text and not all(1 <= len(one) <= most for one in text.by_language.values()):
        raise PydanticCustomError("text_length", "must have 1 to {most} characters", {"most": most})


@dataclass(frozen=True, kw_only=True)
class AddModel:
    """Asks the vendor what the model takes, and keeps the answer: a job is checked by it before it is charged."""

    database: Database
    models: AvailableModels

    async def __call__(self, request: ModelRequest, *, by: str) -> tuple[Model, bool]:
        """The model, and whether it is new here. Once this returns, every process of the installation knows it.

        Raises BadInput with the pointer `/source`, or with that of a text whose parameter the model does not have;
        ModelNotConfigured and ProviderUnavailable.
        """
        name, _, vendor_name = request.source.partition(":")
        provider = self._provider(name)
        try:
            description = await provider.describe(vendor_name)
            definition = definition_of(name, provider, description, request)
        except BadInput as refused:
            raise _about_source(str(refused)) from refused
        _check_names(request.parameters, definition["input_schema"]["properties"])
        model, is_new = await self.database.write(add_model, self.models.catalogue, definition, added_by=by)
        await self.models.catalogue.refresh()
        return model, is_new

    def _provider(self, name: str) -> Any:
        """One that is a ModelSource too."""
        sources = {name: one for name, one in self.models.providers.items() if isinstance(one, ModelSource)}
        if not sources:
            raise ModelNotConfigured("No provider whose models can be added has a key here.")
        if name not in sources:
            raise _about_source(f"Models can be added from {', '.join(sorted(sources))}: those have a key here.")
        return sources[name]


def definition_of(
    name: str, provider: Provider, description: ModelDescription, request: ModelRequest
) -> dict[str, Any]:
    """The entry of the catalogue, without its id. Raises BadInput when the parameters cannot be used."""
    code = f"{name}_{re.sub(r'[^a-z0-9]+', '_', description.model.partition(':')[0].lower()).strip('_')}"[:80]
    migrating = ["MIGRATING"]
    definition = {
        "model_code": code,
        "model_name": request.model_name or str(clean(description.title))[:MAX_NAME],
        "model": description.model,
        "model_version": description.model_version,
        "model_desc": request.model_desc or str(clean(description.description))[:MAX_DESCRIPTION],
        "platform": description.platform,
        "channel": name,
        "provider": name,
        "asyn": True,
        "type": description.type,
        "unit_point": request.unit_point,
        "max_output_count": 1,
        "output_kind": request.output_kind or description.output_kind,
        "unit_progress": ["PROCESSING", *migrating] if provider.capabilities.unit_progress else migrating,
        "deadlines": {
            "submit": SUBMIT,
            "queue": QUEUE,
            "processing": description.processing,
            "migrate": MIGRATE,
            "business": BUSINESS,
        },
        "poll": {},
        "source": f"{name}:{description.model}",
        "input_schema": clean(dict(description.input_schema)),
        "parameters": request.parameters.model_dump() if request.parameters else {},
    }
    try:
        provider.parameters(Model.model_validate({**definition, "model_id": code})).model_json_schema()
    except ValueError as unusable:
        raise BadInput(f"The parameters of {description.model} cannot be used: {unusable}.") from unusable
    return definition


def _check_names(texts: ParameterTexts | None, known: Container[str]) -> None:
    """Raises BadInput for a text of a parameter that the model does not have."""
    for table, named in texts or ():
        for name in named:
            if name not in known:
                field = FieldError(pointer("parameters", table, name), "The model has no such parameter.")
                raise BadInput("The model cannot be added.", field)


def _about_source(message: str) -> BadInput:
    return BadInput("The model cannot be added.", FieldError("/source", message))
