"""The parameters that a declaration names, as what a caller may send."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, create_model

from aijobs.domain.jobs.parameters import Parameters, file_input, with_texts
from aijobs.providers.declared.declaration import ParameterSection

_TYPES = {"string": str, "integer": int, "number": float, "boolean": bool}


def parameters_of(sections: dict[str, ParameterSection]) -> type[Parameters]:
    """Nothing else may be sent; what is not required is left out when it is not sent and has no default."""
    fields: dict[str, Any] = {name: _field(section) for name, section in sections.items()}
    made: type[Parameters] = create_model("DeclaredParameters", __base__=Parameters, **fields)
    return made


def wrong_values(sections: dict[str, ParameterSection]) -> Iterator[str]:
    """Bounds that exclude each other, and defaults that no caller could send."""
    for name, section in sections.items():
        low, high = section.minimum, section.maximum
        if low is not None and high is not None and low > high:
            yield f"parameters.{name}: its minimum {low:g} is above its maximum {high:g}"
        elif section.default is not None:
            alone = parameters_of({name: section.model_copy(update={"required": True, "default": None})})
            try:
                alone.model_validate({name: section.default})
            except ValidationError as wrong:
                yield f"parameters.{name}.default: {section.default!r} could not be sent: {wrong.errors()[0]['msg']}"


def _field(section: ParameterSection) -> tuple[Any, Any]:
    kind = _type_of(section)
    if section.many:
        kind = Annotated[list[kind], Field(max_length=section.max_length)]  # type: ignore[valid-type]
    said: dict[str, Any] = {
        "description": str(section.description or "") or None,
        "json_schema_extra": with_texts(section.label, section.description),
    }
    if section.required and section.default is None:
        return kind, Field(**said)
    if section.many or section.default is not None:
        return kind, Field(default=section.default, **said)
    return kind | None, Field(default=None, **said)


def _type_of(section: ParameterSection) -> Any:
    if section.type not in _TYPES:
        return file_input(section.type)
    if section.choices:
        return Literal[tuple(section.choices)]
    limits: dict[str, Any] = {"ge": section.minimum, "le": section.maximum}
    if section.type == "string":
        limits = {"max_length": None if section.many else section.max_length}
    return Annotated[_TYPES[section.type], Field(**limits)]
