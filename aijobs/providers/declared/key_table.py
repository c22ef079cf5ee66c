"""Every key that a file may have, as a table in Markdown, from the sections themselves."""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from aijobs.domain.values.languages.localized_text import LocalizedText
from aijobs.providers.declared.declaration import Declaration
from aijobs.providers.declared.paths import AnswerPath

HEADINGS: Final = ("key", "type", "default", "meaning")
TABLES_OF_NAMES: Final[dict[Any, str]] = {
    "parameters": "parameters.NAME"
}  #: sections of which there is one for each name
NAMES: Final = {
    AnswerPath: "place in an answer",
    timedelta: "duration",
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    LocalizedText: "text, or a table of texts by language",
}


def key_table() -> str:
    """A line for each key, in the order of the file. What must be there has `required` instead of a default."""
    rows = (HEADINGS, ("---",) * len(HEADINGS), *_rows(Declaration, ""))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _rows(section: type[BaseModel], above: str, *, is_optional: bool = False) -> Iterator[tuple[str, ...]]:
    """In an optional section, `required` is said of a file that has the section."""
    for name, field in section.model_fields.items():
        written = f"{above}{TABLES_OF_NAMES.get(name, name)}"
        if inner := _section_in(field.annotation):
            is_list = get_origin(field.annotation) is list
            below = is_optional or not field.is_required()
            yield from _rows(inner, f"{written}{'[]' if is_list else ''}.", is_optional=below)
        else:
            yield f"`{written}`", _type(field.annotation), _default(field, is_optional), field.description or ""


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The section that a key holds: alone, in a list, or by names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return None if annotation in NAMES else annotation
    return next(filter(None, map(_section_in, get_args(annotation))), None)


def _type(annotation: Any) -> str:
    members = [one for one in get_args(annotation) if one is not type(None)]
    match get_origin(annotation):
        case origin if origin in (Union, UnionType):
            names = list(dict.fromkeys(map(_type, members)))
            return ", ".join(names[:-1]) + (" or " if names[:-1] else "") + names[-1]
        case origin if origin is Annotated:
            return _type(members[0])
        case origin if origin is Literal:
            return ", ".join(f"`{one}`" for one in members)
        case origin if origin is list:
            return f"list of: {_type(members[0])}"
        case origin if origin is dict:
            return f"table of: {_type(members[1])}"
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return ", ".join(f"`{one}`" for one in annotation)
    return NAMES.get(annotation, "anything")


def _default(field: FieldInfo, is_optional: bool) -> str:  # noqa: FBT001 - of the section
    if field.is_required():
        return "required with its section" if is_optional else "**required**"
    match field.default:
        case None | "" | [] | {}:
            return ""
        case bool() as switch:
            return f"`{str(switch).lower()}`"
        case str() as text:
            return f"`{text}`"
        case AnswerPath() as path:
            return ", ".join(f"`{one}`" for one in path.written.split(" | or "))
        case float() as number:
            return f"`{number:g}`"
    return f"`{field.default}`"
