"""The catalogue of models: each with its provider, price, parameter rules and deadlines."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from aijobs.domain.errors import UnknownModel
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.jobs.poll_schedule import LearnedPolling
from aijobs.domain.jobs.polling import PollPolicy
from aijobs.domain.jobs.retention import Lifetimes
from aijobs.domain.jobs.slots.limits import ModelLimits
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.points import PointsPolicy
from aijobs.domain.values.durations import Duration
from aijobs.domain.values.languages.language import Language
from aijobs.domain.values.languages.localized_text import LocalizedText
from aijobs.domain.values.money import VendorPrice
from aijobs.domain.values.toml import read_toml


class Deadlines(BaseModel):
    """The longest that each stage, and the whole business, may take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    submit: Duration
    queue: Duration
    processing: Duration
    migrate: Duration
    business: Duration
    late: Duration = timedelta(hours=24)  #: how long a job that has ended is still watched, for the money's sake


class ParameterTexts(BaseModel):
    """What people read of parameters, by the parameters' names, instead of what the provider says of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: Mapping[str, LocalizedText] = {}
    descriptions: Mapping[str, LocalizedText] = {}


class ModelTexts(BaseModel):
    """What people read of a model that is added, where it is not the vendor's: each a text, or a table by language."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model_name: LocalizedText | None = Field(
        default=None, description="What people see. Default: the vendor's name.", examples=["Flux"]
    )
    model_desc: LocalizedText | None = Field(
        default=None,
        description="What it does. Default: the vendor's words.",
        examples=[{"en": "A picture from a prompt", "zh": "根据提示词生成图片"}],
    )
    parameters: ParameterTexts | None = Field(
        default=None,
        description="`labels` and `descriptions` of parameters, by the parameters' names.",
        examples=[{"labels": {"prompt": {"en": "what to draw", "zh": "画什么"}}}],
    )


class ParameterRules(ParameterTexts):
    """What an operator narrows: values a parameter may have, and values it has when the caller names none."""

    allowed: Mapping[str, list[str | int | float | bool]] = {}
    defaults: Mapping[str, str | int | float | bool] = {}


class Fallback(BaseModel):
    """A model that stands in for another one, and what its parameters are called where that differs."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model_id: str
    parameters: Mapping[str, str] = Field(default={}, description="its names of the parameters, by those of the other")
    defaults: Mapping[str, str | int | float | bool] = Field(default={}, description="what it needs besides")

    def parameters_of(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of a job of the other model, as this one calls them. What is null is left out."""
        named = {self.parameters.get(name, name): value for name, value in params.items() if value is not None}
        return {**self.defaults, **named}


class Model(BaseModel):
    """One entry of the catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model_id: str
    model_code: str
    model_name: LocalizedText
    model: str = Field(description="the provider's own name of the model")
    model_version: str
    model_desc: LocalizedText
    platform: str
    channel: str
    provider: str = Field(description="key of the adapter in aijobs/providers/registry.py")
    asyn: bool = Field(description="false: our own generate step works; true: a provider is polled")
    type: str
    unit_point: int = Field(ge=0, description="points for one output")
    vendor_price: VendorPrice | None = Field(default=None, description="what it costs at the vendor, in money")
    max_output_count: int = Field(ge=1)
    output_kind: OutputKind
    unit_progress: frozenset[JobStatus] = Field(description="statuses that can show a unit progress")
    deadlines: Deadlines
    poll: PollPolicy
    learning: LearnedPolling = LearnedPolling()
    points: PointsPolicy = PointsPolicy()
    limits: ModelLimits = ModelLimits()
    retention: Lifetimes = Lifetimes()
    parameters: ParameterRules = ParameterRules()
    resubmit: bool = Field(
        default=False, description="whether a job is sent once more when its vendor says that nothing was made of it"
    )
    fallback: tuple[Fallback, ...] = Field(
        default=(), description="what stands in, in this order, while no credential of its own provider is used"
    )
    sunset: date | None = Field(default=None, description="from this day on (UTC) no new job is taken")
    use_instead: str | None = Field(default=None, description="the `model_id` that takes over after the sunset")

    source: str | None = Field(default=None, description="where it was added from, as `provider:name`")
    input_schema: Mapping[str, Any] | None = Field(
        default=None, description="the JSON Schema of its parameters, as its vendor published it when it was added"
    )

    @field_validator("fallback", mode="before")
    @classmethod
    def _by_id(cls, value: object) -> object:
        return (
            [{"model_id": one} if isinstance(one, str) else one for one in value] if isinstance(value, list) else value
        )

    @field_validator("unit_progress", mode="before")
    @classmethod
    def _by_name(cls, value: object) -> object:
        if isinstance(value, list):
            return [
                JobStatus[name] if isinstance(name, str) and name in JobStatus.__members__ else name for name in value
            ]
        return value

    def is_over(self, day: date) -> bool:
        """Whether its sunset has come."""
        return self.sunset is not None and day >= self.sunset

    def estimates_progress(self, status: JobStatus) -> bool:
        """Whether the unit progress of this status is ours to estimate, since the provider tells none."""
        return self.asyn and status is JobStatus.PROCESSING and status not in self.unit_progress

    def price(self, output_count: int) -> int:
        """Of a job with so many outputs, in points."""
        return self.unit_point * output_count


@dataclass(frozen=True, kw_only=True)
class AddedModel:
    """A model that was added to an installation. `is_removed`: it takes no new jobs; those that run go on."""

    model: Model
    is_removed: bool = False


class Catalogue:
    """Every model by its `model_id`: those of the files, and those that were added to the installation.

    A definition never changes once it was added, so what one process has read stays right.
    """

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._models = models
        self._added: Mapping[str, AddedModel] = {}
        self._load: Callable[[], Awaitable[None]] | None = None

    @classmethod
    def parse(cls, *layers: str) -> Self:
        """Read TOML texts, each laid over the ones before it.

        Raises ValueError that names the model and the field which is wrong.
        """
        tables: dict[str, dict[str, Any]] = {}
        for layer in layers:
            for model_id, table in _models_of(layer).items():
                tables[model_id] = _laid_over(tables.get(model_id, {}), table)
        models = {model_id: _model(model_id, table) for model_id, table in tables.items()}
        for model in models.values():
            if model.use_instead is not None and model.use_instead not in models.keys() - {model.model_id}:
                raise ValueError(
                    f"The catalogue's model {model.model_id!r} is wrong: use_instead: names no other model"
                )
            for fallback in model.fallback:
                if problem := _fallback_problem(model, models.get(fallback.model_id)):
                    text = (
                        f"The catalogue's model {model.model_id!r} is wrong: fallback: {fallback.model_id!r} {problem}"
                    )
                    raise ValueError(text)
        return cls(models)

    def __iter__(self) -> Iterator[Model]:
        """Those that may be used for new jobs, and those past their sunset."""
        yield from self._models.values()
        yield from (added.model for added in self._added.values() if not added.is_removed)

    def __contains__(self, model_id: str) -> bool:
        return model_id in self._models or model_id in self._added

    def model(self, model_id: str) -> Model:
        """Also one that was removed. Raises UnknownModel."""
        if model_id in self._models:
            return self._models[model_id]
        if model_id in self._added:
            return self._added[model_id].model
        raise UnknownModel(f"There is no model {model_id!r}. GET /api/models lists them.")

    def is_shipped(self, model_id: str) -> bool:
        """Whether it comes from a file."""
        return model_id in self._models

    def is_removed(self, model_id: str) -> bool:
        return model_id in self._added and self._added[model_id].is_removed

    @property
    def added(self) -> Mapping[str, AddedModel]:
        return self._added

    def include(self, added: Iterable[AddedModel]) -> None:
        """Know these added models, and no others. A model of a file is not replaced."""
        self._added = {one.model.model_id: one for one in added if one.model.model_id not in self._models}

    def added_from(self, load: Callable[[], Awaitable[None]]) -> None:
        """`load` includes what was added meanwhile, by whatever process."""
        self._load = load

    async def refresh(self) -> None:
        """Know what was added or removed meanwhile."""
        if self._load is not None:
            await self._load()

    async def find(self, model_id: str) -> Model:
        """As `model`, and it may have been added just now. Raises UnknownModel."""
        if model_id not in self:
            await self.refresh()
        return self.model(model_id)


def _fallback_problem(model: Model, other: Model | None) -> str | None:
    if other is None or other.model_id == model.model_id:
        return "is no other model"
    if not (model.asyn and other.asyn):
        return "is no model of a provider, or stands in for none"
    return None if other.output_kind is model.output_kind else f"makes {other.output_kind}, not {model.output_kind}"


def _models_of(layer: str) -> dict[str, dict[str, Any]]:
    try:
        document = read_toml(layer)
    except ValueError as broken:
        raise ValueError(f"The catalogue {broken}") from broken
    if stray := document.keys() - {"models"}:
        raise ValueError(f"The catalogue has only the table [models]; unknown: {', '.join(sorted(stray))}")
    models: dict[str, dict[str, Any]] = document.get("models", {})
    tables = models if isinstance(models, dict) else {"models": models}
    if wrong := [name for name, table in tables.items() if not isinstance(table, dict)]:
        raise ValueError(f"The catalogue is wrong: these must be tables: {', '.join(wrong)}")
    return models


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A table over a text adds languages to it: a text alone is English."""
    merged = dict(below)
    for key, value in above.items():
        beneath = merged.get(key)
        if isinstance(beneath, str) and isinstance(value, dict):
            beneath = {Language.EN.value: beneath}
        merged[key] = _laid_over(beneath, value) if isinstance(value, dict) and isinstance(beneath, dict) else value
    return merged


def _model(model_id: str, table: Mapping[str, Any]) -> Model:
    try:
        return Model.model_validate({**table, "model_id": model_id})
    except ValidationError as invalid:
        wrong = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in invalid.errors())
        raise ValueError(f"The catalogue's model {model_id!r} is wrong: {wrong}") from invalid
