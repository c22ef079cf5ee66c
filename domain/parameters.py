"""What a caller may send to a model, and which of it names a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic.json_schema import WithJsonSchema

from domain.catalogue import Model
from domain.errors import FieldError, InvalidParameters
from domain.pointers import pointer

MAX_URL_LENGTH: Final = 4096
FILE_CODE: Final = r"file_[0-9A-HJKMNP-TV-Z]{26}"


@dataclass(frozen=True)
class FileInput:
    """Marks a parameter that names an input: an https link, or the code of an uploaded file."""

    media: str  #: the kind of file it must be, for example "image"


def file_input(media: str) -> Any:
    """The type of a parameter that names a file of the given kind."""
    schema = {"type": "string", "format": "uri-or-file", "x-media": media, "maxLength": MAX_URL_LENGTH}
    pattern = rf"^({FILE_CODE}|https?://\S+)$"
    constraints = StringConstraints(max_length=MAX_URL_LENGTH, pattern=pattern)
    return Annotated[str, constraints, FileInput(media), WithJsonSchema(schema)]


class Parameters(BaseModel):
    """Base of every model's parameters: nothing unknown, nothing coerced, nothing infinite."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def file_fields(cls) -> Mapping[str, FileInput]:
        """The parameters that name a file, by their name."""
        return {
            name: mark
            for name, declared in cls.model_fields.items()
            for mark in declared.metadata
            if isinstance(mark, FileInput)
        }


def check_parameters(model: Model, parameters: type[Parameters], sent: Mapping[str, Any]) -> Parameters:
    """The parameters with the operator's defaults filled in.

    Raises InvalidParameters that names every wrong field; what was sent is never echoed.
    """
    try:
        checked = parameters.model_validate({**model.parameters.defaults, **sent})
    except ValidationError as invalid:
        wrong = [FieldError(pointer("params", *e["loc"]), e["msg"]) for e in invalid.errors()]
        raise InvalidParameters("Some parameters are wrong.", *wrong) from None
    for name, allowed in model.parameters.allowed.items():
        if getattr(checked, name) not in allowed:
            wrong_value = FieldError(pointer("params", name), f"Must be one of {', '.join(map(str, allowed))}.")
            raise InvalidParameters("Some parameters are wrong.", wrong_value)
    return checked
