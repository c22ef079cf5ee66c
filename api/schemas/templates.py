"""Documents of prompt templates."""

from pydantic import BaseModel, ConfigDict, Field

from aijobs.domain.documents.costs import CostEstimate
from aijobs.domain.documents.templates import MAX_PROMPT_LENGTH, StageSettings, Template
from aijobs.domain.jobs.events import Moment
from aijobs.domain.jobs.parameters import FILE_CODE
from api.schemas.jobs import Shape


class PreviewRequest(BaseModel):
    """A prompt, and how it is split into stages."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(min_length=1, max_length=MAX_PROMPT_LENGTH)
    stages: StageSettings = StageSettings()


class EstimateRequest(BaseModel):
    """An uploaded document, by its code."""

    model_config = ConfigDict(extra="forbid")

    file: str = Field(pattern=f"^{FILE_CODE}$", examples=["file_06EYQ4J8W1V7X2M9K3T5R6N0PZ"])


class ShownEstimate(Shape):
    """What a document job is expected to cost; null where the prices of a million tokens are not known."""

    cost: float | None
    tokens_in: int
    tokens_out: int
    questions: int
    parts: int


def shown_estimate(estimate: CostEstimate) -> ShownEstimate:
    return ShownEstimate(
        cost=estimate.cost,
        tokens_in=estimate.tokens_in,
        tokens_out=estimate.tokens_out,
        questions=estimate.questions,
        parts=estimate.parts,
    )


class TemplateBrief(Shape):
    """A template in a list: without its prompt."""

    id: str
    name: str
    version: int
    columns: list[str]
    create_time: Moment


class SavedTemplate(Template):
    """A saved template. `warnings` are about its stages."""

    warnings: tuple[str, ...]


class PreviewedStage(Shape):
    """`name` is the heading; `text` is sent to the model."""

    number: int
    name: str
    text: str


class Preview(Shape):
    """The stages in the order in which they run."""

    stages: list[PreviewedStage]
    warnings: list[str]


def template_brief(template: Template) -> TemplateBrief:
    return TemplateBrief(
        id=template.id,
        name=template.name,
        version=template.version,
        columns=[column.name for column in template.columns],
        create_time=template.create_time,
    )
