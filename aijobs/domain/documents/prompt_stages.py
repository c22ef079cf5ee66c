"""Cutting a prompt into stages: at given identifiers, or where a pattern matches.

    阶段 1 …text… 阶段 2 …text…      →      two stages, each with its heading

Each stage becomes one call of the model, all in one conversation.
"""

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import regex

from aijobs.domain.documents.templates import StageSettings
from aijobs.domain.errors import FieldError, InvalidParameters

PATTERN_TIMEOUT: Final = 0.5  #: seconds of processor time that a pattern may take over a whole prompt
MAX_NUMBER_DIGITS: Final = 9
MAX_INDENT: Final = 40  #: blanks before a heading
MAX_LISTED: Final = 10  #: numbers that one warning names


@dataclass(frozen=True, kw_only=True)
class PromptStage:
    """One stage: `number` as in the prompt (or its identifier's place), `name` its heading, `text` heading included."""

    number: int
    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Stages:
    """One or more stages in the order in which they are sent. `warnings` are for the template's author."""

    stages: tuple[PromptStage, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Mark:
    """Where a stage begins. `leads` when nothing stands before it in its line, as before a heading."""

    start: int
    number: int
    name: str
    leads: bool = True


def split(prompt: str, settings: StageSettings) -> Stages:
    """Split a prompt into stages. Text before the first one is put before the stage that is sent first.

    Raises InvalidParameters when the pattern takes longer than PATTERN_TIMEOUT seconds. Blocks for that long at most:
    do not call it in the event loop.
    """
    warnings: list[str] = []
    if settings.identifiers:
        marks = _at_identifiers(prompt, settings.identifiers, warnings)
    else:
        marks = _first_of_each(_at_pattern(prompt, settings.pattern), warnings)
    if not marks:
        warnings.append("No stage was found: the whole prompt is one stage.")
        return Stages(stages=(PromptStage(number=1, name="", text=prompt.strip()),), warnings=tuple(warnings))
    stages = _within(_cut(prompt, marks), settings.max_stages, warnings)
    stages = _in_order(stages, strict=settings.strict_order, warnings=warnings)
    _warn_of_empty(stages, warnings)
    preamble = prompt[: marks[0].start].strip()
    if not stages:
        warnings.append("No stage is left: the whole prompt is one stage.")
        stages = [PromptStage(number=1, name="", text=prompt.strip())]
    elif preamble:
        first = stages[0]
        stages[0] = PromptStage(number=first.number, name=first.name, text=f"{preamble}\n\n{first.text}")
    return Stages(stages=tuple(stages), warnings=tuple(warnings))


def _at_identifiers(prompt: str, identifiers: Sequence[str], warnings: list[str]) -> list[_Mark]:
    """The first place of each identifier, in the order of the prompt. The longest wins where one begins another."""
    any_identifier = re.compile(
        "|".join(re.escape(identifier) for identifier in sorted(identifiers, key=len, reverse=True))
    )
    first: dict[str, int] = {}
    for found in any_identifier.finditer(prompt):
        first.setdefault(found[0], found.start())
    warnings += [f"Identifier {name!r} is not in the prompt." for name in identifiers if name not in first]
    number_of = {identifier: position for position, identifier in enumerate(identifiers, 1)}
    return [_Mark(start=start, number=number_of[name], name=name) for name, start in first.items()]


def _at_pattern(prompt: str, pattern: str) -> Iterator[_Mark]:
    """Every match; one without its own number is numbered by its position."""
    deadline = time.thread_time() + PATTERN_TIMEOUT
    compiled = regex.compile(pattern, regex.IGNORECASE)
    try:
        for position, found in enumerate(compiled.finditer(prompt, timeout=PATTERN_TIMEOUT, concurrent=True), 1):
            if time.thread_time() > deadline:
                raise TimeoutError
            number, name = _number_in(found, position), _heading(found[0])
            yield _Mark(start=found.start(), number=number, name=name, leads=_leads(prompt, found))
    except (TimeoutError, MemoryError) as endless:
        where = FieldError("/stages/pattern", f"Takes longer than {PATTERN_TIMEOUT:g} seconds over this prompt.")
        raise InvalidParameters("The pattern of the stages takes too long.", where) from endless


def _number_in(found: "regex.Match[str]", position: int) -> int:
    written = found[1] if found.re.groups else None
    if not written or not written.isdecimal():
        return position
    return int(written[-MAX_NUMBER_DIGITS:]) if len(written) <= MAX_NUMBER_DIGITS else 10**MAX_NUMBER_DIGITS


def _leads(prompt: str, found: "regex.Match[str]") -> bool:
    space = found[0][: len(found[0]) - len(found[0].lstrip())]
    line_start = prompt.rfind("\n", 0, found.start()) + 1
    indented = found.start() - line_start <= MAX_INDENT and not prompt[line_start : found.start()].strip()
    return "\n" in space or indented


def _heading(matched: str) -> str:
    return " ".join(matched.split()).lstrip("# ")


def _first_of_each(marks: Iterable[_Mark], warnings: list[str]) -> list[_Mark]:
    """A repeated number is only a mention (「根据阶段1的结果」) and belongs to the text around it.

    Headings go before mentions, so that an introduction may list the stages.
    """
    chosen: dict[int, _Mark] = {}
    again: dict[int, None] = {}
    for mark in marks:
        known = chosen.setdefault(mark.number, mark)
        if known is not mark:
            again[mark.number] = None
            if mark.leads and not known.leads:
                chosen[mark.number] = mark
    if again:
        warnings.append(f"Named more than once, begun only once: stage {_listed_numbers(again)}.")
    return sorted(chosen.values(), key=lambda mark: mark.start)


def _cut(prompt: str, marks: Sequence[_Mark]) -> list[PromptStage]:
    ends = [mark.start for mark in marks[1:]] + [len(prompt)]
    return [
        PromptStage(number=mark.number, name=mark.name, text=prompt[mark.start : end].strip())
        for mark, end in zip(marks, ends, strict=True)
    ]


def _within(stages: Sequence[PromptStage], most: int, warnings: list[str]) -> list[PromptStage]:
    kept = [stage for stage in stages if stage.number <= most]
    dropped = [stage for stage in stages if stage.number > most]
    if dropped:
        numbers = _listed_numbers(stage.number for stage in dropped)
        warnings.append(f"Dropped, since {most} is the highest number of a stage: stage {numbers}.")
    return kept


def _in_order(stages: list[PromptStage], *, strict: bool, warnings: list[str]) -> list[PromptStage]:
    ordered = sorted(stages, key=lambda stage: stage.number)
    if ordered == stages:
        return stages
    order = "by number" if strict else "as in the prompt"
    warnings.append(f"The stages are not in order in the prompt; they are asked {order}.")
    return ordered if strict else stages


def _warn_of_empty(stages: Iterable[PromptStage], warnings: list[str]) -> None:
    if empty := [stage.number for stage in stages if _heading(stage.text) == stage.name]:
        warnings.append(f"Nothing but a heading: stage {_listed_numbers(empty)}.")


def _listed_numbers(numbers: Iterable[int]) -> str:
    texts = [str(number) if number < 10**MAX_NUMBER_DIGITS else "of many digits" for number in numbers]
    more = f" and {len(texts) - MAX_LISTED} more" if len(texts) > MAX_LISTED else ""
    return ", ".join(texts[:MAX_LISTED]) + more
