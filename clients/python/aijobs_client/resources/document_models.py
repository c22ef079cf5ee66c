"""The API's responses about templates, documents and photos. What a newer API adds is ignored."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict

from aijobs_client.models import ApiModel, Job

Cell = str | int | float | bool | None


class TemplateBrief(ApiModel):
    """A template in a list: without its prompt."""

    id: str
    name: str
    version: int
    columns: tuple[str, ...]
    create_time: datetime


class Template(ApiModel):
    """A saved version of a template. What this client does not know of it is kept, in `model_extra`.

    `columns` and `stages` are as the API has them; `warnings`, about the stages, are there when it was saved.
    """

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())

    id: str
    name: str
    version: int
    prompt: str
    columns: tuple[dict[str, Any], ...]
    stages: dict[str, Any]
    create_time: datetime
    warnings: tuple[str, ...] = ()


class Stage(ApiModel):
    """One stage of a prompt: `name` is its heading, `text` is sent to the model."""

    number: int
    name: str
    text: str


class Preview(ApiModel):
    """How a prompt is cut."""

    stages: tuple[Stage, ...]
    warnings: tuple[str, ...] = ()


class CostEstimate(ApiModel):
    """What a document is expected to cost; None where the prices of a million tokens are not known."""

    cost: float | None
    tokens_in: int
    tokens_out: int
    questions: int
    parts: int


class TemplateRow(ApiModel):
    """One row of a table: `row_number` counts from 1 within its `source`, a job or an uploaded table.

    `sources` says where each value comes from, where that was asked for and is known.
    """

    source: str
    user_id: str
    template_id: str
    template_version: int
    row_number: int
    values: dict[str, Cell]
    create_time: datetime
    sources: dict[str, dict[str, Any]] | None = None


class PhotoReview(ApiModel):
    """A photo and its review. `analysis` is None until it is reviewed, and as the API has it then.

    `job_code` is the job that reviews; `ori_img_url` is a signed link, and expires. `jobs` are there when one review is
    asked for.
    """

    code: str
    user_id: str
    job_code: str
    file_code: str
    name: str
    ori_img_url: str
    width: int
    height: int
    beautify_ability: bool
    beautify_image: bool
    beautify_job_code: str | None = None
    analysis: dict[str, Any] | None = None
    create_time: datetime
    update_time: datetime
    jobs: tuple[Job, ...] = ()

    @property
    def overall(self) -> int | None:
        """The mean of its scores, 0 to 100; None until it is reviewed."""
        return None if self.analysis is None else self.analysis.get("overall")


class BeautifiedPhoto(ApiModel):
    """A beautified photo. `img_url` is a signed link to it, `ori_img_url` one to the original."""

    code: str
    photo_review_analysis_code: str
    job_code: str
    img_url: str
    ori_img_url: str
    original_url: str | None = None
    cost_time: float | None = None
    sort: int
    model_id: str
    model_name: str
    media_type: str
    width: int | None = None
    height: int | None = None
    size: int
    create_time: datetime
