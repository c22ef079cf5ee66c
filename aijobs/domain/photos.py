"""Photo reviews: the analysis of a photo, whether it can be beautified, and the errors when beautifying fails."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.points import EntryKind

REVIEW_MODEL: Final = "photoReview_analysis_v1"

#: The rules of `ability`, each named in docs/photos.md.
MIN_SIDE: Final = 64  #: pixels: below, there is not enough to work from
MAX_PIXELS: Final = 24_000_000  #: above, an enlargement has more pixels than models and browsers take
MAX_CLIPPED: Final = 0.95  #: of the pixels may be wholly black or wholly white
MIN_CONTRAST: Final = 2.0  #: standard deviation of the luminance, of 255: below, it is one even surface

MAX_COMMENT: Final = 1000  #: characters

Comment = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_COMMENT)]
Points = Annotated[int, Field(ge=0, le=100)]


class StrictModel(BaseModel):
    """Takes no field that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Bilingual(StrictModel):
    """One comment in both languages."""

    zh: Comment
    en: Comment


class JudgedAspect(StrictModel):
    """One aspect of a photo: 0 to 100, and why."""

    score: Points = Field(strict=True)
    comment: Bilingual


class Verdicts(StrictModel):
    """What a language model answers about a photo: every aspect, and the whole."""

    composition: JudgedAspect
    light: JudgedAspect
    focus: JudgedAspect
    colour: JudgedAspect
    summary: Bilingual


ASPECTS: Final = ("composition", "light", "focus", "colour")


class Method(StrEnum):
    """Who has judged: a language model that saw the photo, or nobody but our own measurements."""

    MODEL = "model"
    MEASURED = "measured"


class Measurements(StrictModel):
    """What the pixels say. Sizes are those of the upright photo; luminances are 0 to 255, shares 0 to 1.

    `sharpness` is the variance of the Laplacian in the sharpest quarter, less what `noise` (standard deviation) adds,
    of a copy at most 1024 pixels wide or high. `thirds` compares how near the conspicuous parts are to the four points
    of the rule of thirds with how near an even surface is (1); it is absent where nothing is conspicuous.
    """

    width: int
    height: int
    brightness: float
    contrast: float
    black: float
    white: float
    sharpness: float
    noise: float
    saturation: float
    colourfulness: float
    cast: float
    thirds: float | None


class Aspect(StrictModel):
    """A score is absent where it cannot be known. `estimate` tells how a measured score came about."""

    score: Points | None
    comment: Bilingual
    estimate: str | None = None


class Analysis(StrictModel):
    """A photo's review. `overall` is the mean of the scores that there are."""

    method: Method
    model: str | None = Field(description="the language model's own name, where one has judged")
    overall: Points
    scores: dict[str, Points | None] = Field(description="composition, light, focus and colour, 0 to 100")
    aspects: dict[str, Aspect]
    summary: Bilingual
    measurements: Measurements
    beautify_ability: bool
    ability_reason: Bilingual


def analysis_of(
    measurements: Measurements, aspects: Mapping[str, Aspect], summary: Bilingual, *, model: str | None
) -> Analysis:
    """Put together; whether the photo may be beautified is decided by the measurements alone."""
    known = [aspect.score for aspect in aspects.values() if aspect.score is not None]
    ability, reason = ability_of(measurements)
    return Analysis(
        method=Method.MODEL if model else Method.MEASURED,
        model=model,
        overall=round(sum(known) / len(known)) if known else 0,
        scores={name: aspect.score for name, aspect in aspects.items()},
        aspects=dict(aspects),
        summary=summary,
        measurements=measurements,
        beautify_ability=ability,
        ability_reason=reason,
    )


def ability_of(measured: Measurements) -> tuple[bool, Bilingual]:
    """Whether beautifying can do a photo any good, and why; the first rule that applies decides."""
    if min(measured.width, measured.height) < MIN_SIDE:
        return False, _why(
            f"照片太小,短边不足 {MIN_SIDE} 像素", f"The photo's shorter side has less than {MIN_SIDE} pixels"
        )
    if measured.width * measured.height > MAX_PIXELS:
        million = MAX_PIXELS // 1_000_000
        return False, _why(
            f"照片已超过 {million} 百万像素,无需放大", f"The photo is large enough: over {million} megapixels"
        )
    if measured.contrast < MIN_CONTRAST:
        return False, _why("照片几乎没有内容", "Almost nothing can be seen on the photo")
    if measured.black + measured.white > MAX_CLIPPED:
        return False, _why(
            "照片几乎全黑或全白,细节无法恢复", "The photo is almost wholly black or white; nothing can be restored"
        )
    return True, _why("照片可以美化", "The photo can be beautified")


def _why(zh: str, en: str) -> Bilingual:
    return Bilingual(zh=zh + "。", en=en + ".")


#: What came to nothing, by how the job ended and in which part of its life.
_FAILED_IN: Final[Mapping[tuple[JobStatus, bool], str]] = {
    (JobStatus.FAILED, True): "迁移照片过程失败",
    (JobStatus.FAILED, False): "生成照片过程失败",
    (JobStatus.TIMEOUT, True): "迁移照片过程超时",
    (JobStatus.TIMEOUT, False): "生成照片过程超时",
    (JobStatus.CANCELED, True): "照片美化已取消",
    (JobStatus.CANCELED, False): "照片美化已取消",
}


def beautify_error(status: JobStatus, error: JobError, *, closing: EntryKind, points: int) -> JobError:
    """The error of a beautify job that has ended badly, in the owner's words, with the reason behind them.

    The message mentions a refund only when points were refunded: not when held, settled, or nothing was paid.
    """
    message = _FAILED_IN[status, error.stage is Stage.MIGRATE]
    if points > 0 and closing is EntryKind.REFUND:
        message += ",已返还每日积分"
    elif points > 0 and closing is EntryKind.HOLD:
        message += ",每日积分待确认"
    return error.model_copy(update={"message": f"{message} ({error.message})"})


def verdicts_schema() -> dict[str, Any]:
    """The JSON Schema of `Verdicts`, in the words that strict structured output knows everywhere: no bounds."""
    text = {"type": "string"}
    comment = _object({"zh": text, "en": text})
    judged = _object({"score": {"type": "integer", "description": "0 to 100"}, "comment": comment})
    return _object({**dict.fromkeys(ASPECTS, judged), "summary": comment})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }
