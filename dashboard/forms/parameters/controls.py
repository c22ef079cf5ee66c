"""Which control a parameter gets."""

from enum import StrEnum
from typing import Final

from dashboard.forms.parameters.aspects import are_aspects, takes_any_aspect
from dashboard.forms.parameters.declarations import DeclaredParameter

#: A text that may be longer than this gets several lines.
ONE_LINE: Final = 300

#: Parameters that always get several lines.
PROSE: Final = frozenset({"prompt", "negative_prompt", "text", "instructions"})


class Control(StrEnum):
    """The kind of input of a field."""

    FILE = "file"
    FILES = "files"
    TEMPLATE = "template"  #: of a document job
    ASPECT = "aspect"  #: proportions, drawn
    CHOICE = "choice"
    SWITCH = "switch"
    YES_OR_NO = "yes_or_no"  #: or neither, which is not the same as no
    NUMBER = "number"
    LINE = "line"
    LINES = "lines"
    LIST = "list"  #: of any of the plain ones
    DOCUMENT = "document"  #: JSON, for types without a control of their own


MANY: Final = frozenset({Control.FILES, Control.LIST})
_OF_LISTS: Final = frozenset({Control.CHOICE, Control.NUMBER, Control.LINE, Control.LINES})


def control_of(declared: DeclaredParameter) -> Control:
    if declared.media:
        return Control.FILE
    if declared.resolved.get("format") == "template":
        return Control.TEMPLATE
    if choices := declared.choices:
        return Control.ASPECT if are_aspects([str(choice) for choice in choices]) else Control.CHOICE
    match declared.type:
        case "boolean":
            is_decided = declared.is_required or isinstance(declared.default, bool)
            return Control.SWITCH if is_decided else Control.YES_OR_NO
        case "integer" | "number":
            return Control.NUMBER
        case "string":
            return _control_of_text(declared)
        case "array":
            return _control_of_list(declared)
        case _:
            return Control.DOCUMENT


def _control_of_text(declared: DeclaredParameter) -> Control:
    if takes_any_aspect(declared.name, str(declared.resolved.get("pattern", ""))):
        return Control.ASPECT
    is_long = (declared.number("maxLength") or 0) > ONE_LINE
    return Control.LINES if declared.name in PROSE or is_long else Control.LINE


def _control_of_list(declared: DeclaredParameter) -> Control:
    item = control_of(declared.item)
    if item is Control.FILE:
        return Control.FILES
    return Control.LIST if item in _OF_LISTS or item is Control.ASPECT else Control.DOCUMENT
