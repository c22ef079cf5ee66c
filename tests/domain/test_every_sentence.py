"""Whatever the code says when it refuses or fails is said in every language: its sentences are read from the source."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from aijobs.domain import errors
from aijobs.domain.values.languages.language import LANGUAGES, Language
from aijobs.domain.values.languages.messages import Messages

ROOT: Final = Path(__file__).parents[2]
PARTS: Final = ("aijobs", "api", "dashboard", "activities", "workflows", "cli")

#: What carries a sentence to people: our errors, and the command line's.
CARRIERS: Final = {name for name, value in vars(errors).items() if isinstance(value, type)} | {"CommandError"}
LEFT_OUT: Final = re.compile(r"aijobs/(persistence/migrations|providers/(conformance|.*/specimen\.py))|cli/samples")
SENTENCE: Final = re.compile(r"^[A-Z`{x].*[a-z]{2,}[a-z',]* [a-z`{x].*[.:?]$")  #: not an option, a name or a part
MANY: Final = 500
FILLED: Final = "x1"  #: whatever a gap of a sentence holds


@pytest.mark.parametrize("language", LANGUAGES[1:], ids=str)
def test_what_an_error_says_is_said_in_every_language(language: Language) -> None:
    said = dict(_sentences())

    missing = {text: place for text, place in said.items() if not Messages(language).translated(text)}

    assert len(said) > MANY
    assert missing == {}


def _sentences() -> Iterator[tuple[str, str]]:
    """Each with its gaps filled, and where it is said."""
    for path in (path for part in PARTS for path in sorted((ROOT / part).rglob("*.py"))):
        place = path.relative_to(ROOT).as_posix()
        if LEFT_OUT.match(place):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) in CARRIERS:
                for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                    yield from ((text, f"{place}:{node.lineno}") for text in _texts(argument) if SENTENCE.search(text))


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def _texts(node: ast.expr) -> Iterator[str]:
    """Of an argument itself: a call within is looked at for itself."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=values):
            yield "".join(_literal(value) for value in values)
        case ast.IfExp(body=body, orelse=orelse):
            yield from (*_texts(body), *_texts(orelse))
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            for element in elements:
                yield from _texts(element)


def _literal(value: ast.expr) -> str:
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else FILLED
