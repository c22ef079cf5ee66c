"""The doctor's findings: the part, its state, and how to fix it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rich.text import Text

from cli import console


class FindingLevel(StrEnum):
    """The state of a part."""

    OK = "ok"
    OFF = "off"  #: does not run, and need not for now
    DOUBT = "doubt"  #: works, but look at it
    BROKEN = "broken"  #: needed, and does not work


MARKS: Final = {
    FindingLevel.OK: console.OK,
    FindingLevel.OFF: console.IDLE,
    FindingLevel.DOUBT: console.DOUBT,
    FindingLevel.BROKEN: console.WRONG,
}


@dataclass(frozen=True)
class Finding:
    """One line of the report. The field names are the keys of `aijobs doctor --json`; `told` is the message."""

    part: str
    health: FindingLevel
    told: str
    mend: tuple[str, ...] = ()

    def show(self) -> None:
        console.say(MARKS[self.health], f"{self.part:<18}", self.told)
        for line in self.mend:
            console.say(Text(line, style="dim"), indent=23)


def fine(part: str, message: str) -> Finding:
    return Finding(part, FindingLevel.OK, message)


def off(part: str, message: str, *hints: str) -> Finding:
    return Finding(part, FindingLevel.OFF, message, hints)


def doubtful(part: str, message: str, *hints: str) -> Finding:
    return Finding(part, FindingLevel.DOUBT, message, hints)


def broken(part: str, message: str, *hints: str) -> Finding:
    return Finding(part, FindingLevel.BROKEN, message, hints)
