"""The parameters that a declaration names, as what a caller may send."""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError, create_model
from pydantic.errors import PydanticUserError

from aijobs.domain.jobs.parameters import Parameters, file_input, with_texts
from aijobs.providers.declared.declaration import ParameterSection

_TYPES = {"string": str, "integer": int, "number": float, "boolean": bool}
_OF_CHOICES: Final[dict[str, tuple[type, ...]]] = {"string": (str,), "integer": (int,), "number": (int, float)}


def parameters_of(sections: dict[str, ParameterSection]) -> type[Parameters]:
    """Nothing else may be sent; what is not required is left out when it is not sent and has no default."""
    fields: dict[str, Any] = {name: _field(section) for name, section in sections.items()}
    made: type[Parameters] = create_model("DeclaredParameters", __base__=Parameters, **fields)
    return made


def wrong_values(sections: dict[str, ParameterSection]) -> Iterator[str]:
    """Names that no parameter can have, bounds and choices of no use, and defaults that no caller could send."""
    for name, section in sections.items():
        low, high = section.minimum, section.maximum
        if not _may_be_named(name):
            yield f"parameters.{name}: a parameter cannot be called so"
        elif misfits := list(_misfits(section)):
            yield from (f"parameters.{name}: {misfit}" for misfit in misfits)
        elif low is not None and high is not None and low > high:
            yield f"parameters.{name}: its minimum {low:g} is above its maximum {high:g}"
        elif section.default is not None:
            alone = parameters_of({name: section.model_copy(update={"required": True, "default": None})})
            try:
                alone.model_validate({name: section.default})
            except ValidationError as wrong:
                yield f"parameters.{name}.default: {section.default!r} could not be sent: {wrong.errors()[0]['msg']}"


def _may_be_named(name: str) -> bool:
    if not name.strip() or set("{}") & set(name):
        return False
    try:
        parameters_of({name: ParameterSection()})
    except (PydanticUserError, TypeError, ValueError):
        return False
    return True


def _misfits(section: ParameterSection) -> Iterator[str]:
    """What says nothing about values of its type."""
    kind, bounds = section.type, {"minimum": section.minimum, "maximum": section.maximum}
    for name, bound in bounds.items():
        if bound is not None and kind not in ("integer", "number"):
            yield f"its type is {kind}, which has no {name}"
        elif bound is not None and kind == "integer" and bound != int(bound):
            yield f"its {name} {bound:g} is no whole number"
    if section.max_length is not None and not (section.many or kind == "string"):
        yield f"its type is {kind}, which has no max_length"
    if section.choices and kind not in _OF_CHOICES:
        yield f"its type is {kind}, which has no choices"
    elif wrong := [one for one in section.choices if not isinstance(one, _OF_CHOICES[kind])]:
        yield f"its type is {kind}, and {wrong[0]!r} among its choices is none"


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
