"""The models of the catalogue, and the provider or generator that runs each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from aijobs.domain.catalogue import Catalogue, Model
from aijobs.domain.errors import FieldError, ModelNotConfigured, ModelRetired, UnknownModel
from aijobs.domain.jobs.parameters import Parameters
from aijobs.domain.jobs.slots.limits import LimitsSettings
from aijobs.domain.ports.credentials import credentials_of
from aijobs.domain.ports.generators import Generator
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Capabilities
from aijobs.persistence.slots.outlook import SlotRules

ModelAdapter = Provider | Generator


@dataclass(frozen=True, kw_only=True)
class AvailableModels:
    """The catalogue, with the configured providers and our own generators, by their names."""

    catalogue: Catalogue
    providers: Mapping[str, Provider] = field(default_factory=dict)
    generators: Mapping[str, Generator] = field(default_factory=dict)
    limits: LimitsSettings = field(default_factory=LimitsSettings)

    def __iter__(self) -> Iterator[Model]:
        return iter(self.catalogue)

    def __contains__(self, model_id: str) -> bool:
        return model_id in self.catalogue

    async def look_for(self, model_id: str) -> None:
        """Know of a model that is in no file whether another process has added or removed it."""
        if not self.catalogue.is_shipped(model_id):
            await self.catalogue.refresh()

    def model(self, model_id: str) -> Model:
        """Raises UnknownModel with the pointer `/model_id`."""
        try:
            return self.catalogue.model(model_id)
        except UnknownModel as error:
            field = FieldError("/model_id", "There is no such model. GET /api/models lists them.")
            raise UnknownModel("There is no such model.", field) from error

    @property
    def credentials(self) -> set[str]:
        """Those of all configured providers."""
        return {one for provider in self.providers for one in credentials_of(self.providers, provider)}

    @property
    def slot_rules(self) -> SlotRules:
        """What bounds the jobs in flight at vendors."""
        return SlotRules(self.limits, self.catalogue)

    def known(self, model_id: str) -> Model | None:
        """A model of the catalogue; None when there is no such model any more."""
        return self.catalogue.model(model_id) if model_id in self.catalogue else None

    def model_on(self, model_id: str, day: date) -> Model:
        """A model for a new job on this day. Raises UnknownModel, and ModelRetired past its sunset or its removal."""
        model = self.model(model_id)
        if self.catalogue.is_removed(model_id):
            message = f"{model.model_name} was removed here, and takes no new jobs."
            raise ModelRetired(message, FieldError("/model_id", message))
        if model.is_over(day):
            instead = f" Use {model.use_instead} instead." if model.use_instead else ""
            message = f"{model.model_name} takes no new jobs since {model.sunset}.{instead}"
            raise ModelRetired(message, FieldError("/model_id", message))
        return model

    def adapter_of(self, model: Model) -> ModelAdapter | None:
        """The provider or generator that runs a model; None when the provider has no key here."""
        return self.providers.get(model.provider) if model.asyn else self.generators.get(model.provider)

    def configured_adapter(self, model: Model) -> ModelAdapter:
        """The same, but raises ModelNotConfigured when the provider has no key here."""
        adapter = self.adapter_of(model)
        if adapter is None:
            raise ModelNotConfigured(f"{model.model_name} is not configured here: no key is set for {model.provider}.")
        return adapter

    def parameters_of(self, model: Model) -> type[Parameters] | None:
        """The parameters of a request without an action; None when the model is not configured."""
        adapter = self.adapter_of(model)
        return adapter.parameters(model) if adapter else None

    def capabilities_of(self, model: Model) -> Capabilities | None:
        adapter = self.adapter_of(model)
        return adapter.capabilities if adapter else None
