"""What a caller may send to a model, and which of it names a file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.fields import FieldInfo
from pydantic.json_schema import WithJsonSchema
from pydantic_core import ErrorDetails

from aijobs.domain.catalogue import Model
from aijobs.domain.documents.formats import MEDIA_TYPE_OF
from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.domain.values.json_pointer import pointer
from aijobs.domain.values.languages.localized_text import LocalizedText

MAX_URL_LENGTH: Final = 4096
FILE_CODE: Final = r"file_[0-9A-HJKMNP-TV-Z]{26}"
JOB_CODE: Final = r"job_[0-9A-HJKMNP-TV-Z]{26}"

TEXTS: Final = "x-texts"
"""In the JSON Schema of a parameter: its `label` and `description`, each a LocalizedText as it was written."""

LINK_OR_UPLOAD: Final = "Must be a link, https://…, or the code of an uploaded file."
UPLOAD_ALONE: Final = "Must be the code of an uploaded file."

_UPLOAD: Final = re.compile(FILE_CODE)

Value = TypeVar("Value")


@dataclass(frozen=True)
class FileInput:
    """Marks a parameter that names an input: an https link, or the code of an uploaded file."""

    media: str  #: the kind of file it must be, for example "image", or "document"; "any" for whichever

    def takes(self, media_type: str) -> bool:
        """Whether a file of this media type is of that kind."""
        if self.media == "any":
            return True
        if self.media == "document":
            return media_type in MEDIA_TYPE_OF.values() or media_type.startswith("image/")
        return media_type.startswith(f"{self.media}/")


def file_input(media: str) -> Any:
    """The type of a parameter that names a file of the given kind."""
    return Annotated[_file_type(media, "uri-or-file"), FileInput(media)]


def upload_input(media: str) -> Any:
    """As `file_input`, for vendors that read no links: an uploaded file alone."""
    return Annotated[_file_type(media, "file"), AfterValidator(_uploaded), FileInput(media)]


def upload_code(media: str) -> Any:
    """The type of a parameter of our own generators: the code of an uploaded file of the given kind."""
    pattern = f"^{FILE_CODE}$"
    schema = {"type": "string", "format": "file", "x-media": media, "pattern": pattern}
    return Annotated[str, StringConstraints(pattern=pattern), WithJsonSchema(schema), FileInput(media)]


def with_texts(label: LocalizedText | None, description: LocalizedText | None) -> dict[str, Any]:
    """What a parameter's JSON Schema has besides, where its provider says itself what people read of it."""
    texts = {"label": label, "description": description}
    written = {name: text.model_dump() for name, text in texts.items() if text is not None}
    return {TEXTS: written} if written else {}


def _file_type(media: str, written_as: str) -> Any:
    schema = {"type": "string", "format": written_as, "x-media": media, "maxLength": MAX_URL_LENGTH}
    pattern = rf"^({FILE_CODE}|https?://\S+)$"
    constraints = StringConstraints(max_length=MAX_URL_LENGTH, pattern=pattern)
    return Annotated[str, constraints, WithJsonSchema(schema)]


def _uploaded(written: str) -> str:
    if not is_upload(written):
        raise ValueError("links are not read here: upload the file, and give its code")
    return written


class Parameters(BaseModel):
    """Base of every model's parameters: nothing unknown, nothing coerced, nothing infinite."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def understood(cls, sent: Mapping[str, Any], model: Model) -> Mapping[str, Any]:  # noqa: ARG003
        """What was sent, each meaning in the parameter that it belongs to. Raises InvalidParameters."""
        return sent

    @classmethod
    def file_fields(cls) -> Mapping[str, FileInput]:
        """The parameters that name a file, or a list of files, by their name."""
        return {name: mark for name, declared in cls.model_fields.items() for mark in _file_marks(declared)}


class FollowUp(Parameters):
    """Base of what an action on a finished job takes."""

    origin: str = Field(
        pattern=rf"^{JOB_CODE}$",
        description="The finished job that the action is done to.",
        examples=["job_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"],
    )


def is_upload(value: object) -> bool:
    """Whether a parameter's value is the code of an uploaded file."""
    return isinstance(value, str) and value.startswith("file_")


def named_uploads(value: Any) -> set[str]:
    """The codes of uploads anywhere in the parameters of a job."""
    match value:
        case Mapping():
            return named_uploads(list(value.values()))
        case list():
            return {code for one in value for code in named_uploads(one)}
        case str() if _UPLOAD.fullmatch(value):
            return {value}
    return set()


def uploads_in(
    params: Mapping[str, Any], fields: Mapping[str, FileInput]
) -> Iterator[tuple[tuple[str | int, ...], str, FileInput]]:
    """Each upload that the parameters name: where, its code, and what it must be."""
    for name, mark in fields.items():
        value = params.get(name)
        if is_upload(value):
            yield (name,), str(value), mark
        for index, one in enumerate(value if isinstance(value, list) else ()):
            if is_upload(one):
                yield (name, index), str(one), mark


def check_parameters(model: Model, parameters: type[Parameters], sent: Mapping[str, Any]) -> Parameters:
    """The parameters with the operator's defaults filled in.

    Raises InvalidParameters that names every wrong field; what was sent is never echoed.
    """
    try:
        understood = parameters.understood(sent, model)
        checked = parameters.model_validate({**_concerning(parameters, model.parameters.defaults), **understood})
    except ValidationError as invalid:
        wrong = [FieldError(pointer("params", *e["loc"]), _message(parameters, e)) for e in invalid.errors()]
        raise InvalidParameters("Some parameters are wrong.", *wrong) from None
    for name, allowed in _concerning(parameters, model.parameters.allowed).items():
        if getattr(checked, name, None) not in allowed:
            wrong_value = FieldError(pointer("params", name), f"Must be one of {', '.join(map(str, allowed))}.")
            raise InvalidParameters("Some parameters are wrong.", wrong_value)
    return checked


def _message(parameters: type[Parameters], error: ErrorDetails) -> str:
    """What is wrong with a value. A pattern is said in words, or by an example."""
    name = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] != "string_pattern_mismatch" or name not in parameters.model_fields:
        return error["msg"]
    if name in parameters.file_fields():
        reads_links = "http" in str(error.get("ctx", {}).get("pattern", ""))
        return LINK_OR_UPLOAD if reads_links else UPLOAD_ALONE
    examples = parameters.model_fields[name].examples
    return f"Must look like {examples[0]}." if examples and isinstance(examples[0], str) else error["msg"]


def _concerning(parameters: type[Parameters], rules: Mapping[str, Value]) -> Mapping[str, Value]:
    """An operator's rules are about the plain job; of those, an action takes over what it declares itself."""
    if not issubclass(parameters, FollowUp):
        return rules
    return {name: rule for name, rule in rules.items() if name in parameters.model_fields}


def _file_marks(declared: FieldInfo) -> Iterator[FileInput]:
    of_the_items = (mark for item in get_args(declared.annotation) for mark in getattr(item, "__metadata__", ()))
    return (mark for mark in (*declared.metadata, *of_the_items) if isinstance(mark, FileInput))
