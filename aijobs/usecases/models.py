"""The models that jobs may name, and who does the work of each here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from aijobs.domain.catalogue import Catalogue, Model
from aijobs.domain.errors import FieldError, ModelNotConfigured, UnknownModel
from aijobs.domain.jobs.parameters import Parameters
from aijobs.domain.ports.generators import Generator
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Capabilities

ModelAdapter = Provider | Generator


@dataclass(frozen=True, kw_only=True)
class AvailableModels:
    """The catalogue, with the providers that have a key here and our own generators, by their names."""

    catalogue: Catalogue
    providers: Mapping[str, Provider] = field(default_factory=dict)
    generators: Mapping[str, Generator] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Model]:
        return iter(self.catalogue)

    def __contains__(self, model_id: str) -> bool:
        return model_id in self.catalogue

    def model(self, model_id: str) -> Model:
        """Raises UnknownModel, which points at the request's `model_id`."""
        try:
            return self.catalogue.model(model_id)
        except UnknownModel as unknown:
            where = FieldError("/model_id", "There is no such model. GET /api/models lists them.")
            raise UnknownModel("There is no such model.", where) from unknown

    def adapter_of(self, model: Model) -> ModelAdapter | None:
        """Who does the work of a model; nobody, when its provider has no key here."""
        return self.providers.get(model.provider) if model.asyn else self.generators.get(model.provider)

    def configured_adapter(self, model: Model) -> ModelAdapter:
        """Raises ModelNotConfigured when its provider has no key here."""
        adapter = self.adapter_of(model)
        if adapter is None:
            raise ModelNotConfigured(f"{model.model_name} is not configured here: no key is set for {model.platform}.")
        return adapter

    def parameters_of(self, model: Model) -> type[Parameters] | None:
        """What a plain request takes; nothing, when the model is not configured."""
        adapter = self.adapter_of(model)
        return adapter.parameters(model) if adapter else None

    def capabilities_of(self, model: Model) -> Capabilities | None:
        adapter = self.adapter_of(model)
        return adapter.capabilities if adapter else None
