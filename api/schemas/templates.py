"""The documents of prompt templates, and what is sent to try one."""

from pydantic import BaseModel, ConfigDict, Field

from aijobs.domain.documents.templates import MAX_PROMPT_LENGTH, StageSettings, Template
from aijobs.domain.jobs.events import Moment
from api.schemas.jobs import Shape


class PreviewRequest(BaseModel):
    """A prompt that is to be cut, and how."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(min_length=1, max_length=MAX_PROMPT_LENGTH)
    stages: StageSettings = StageSettings()


class TemplateBrief(Shape):
    """A template in a list: without its prompt."""

    id: str
    name: str
    version: int
    columns: list[str]
    create_time: Moment


class SavedTemplate(Template):
    """A template as it was saved. `warnings` tell what its stages lack."""

    warnings: tuple[str, ...]


class PreviewedStage(Shape):
    """`name` is the heading; `text` is what the model will be asked."""

    number: int
    name: str
    text: str


class Preview(Shape):
    """The stages in the order in which they will be asked."""

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
