"""What the doctor finds: what was looked at, how it is, and how to mend it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rich.text import Text

from cli import console


class FindingLevel(StrEnum):
    """How a part is."""

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
    """One line of the doctor's."""

    part: str
    health: FindingLevel
    told: str
    mend: tuple[str, ...] = ()

    def show(self) -> None:
        console.say(MARKS[self.health], f"{self.part:<12}", self.told)
        for line in self.mend:
            console.say(Text(line, style="dim"), indent=17)


def fine(part: str, told: str) -> Finding:
    return Finding(part, FindingLevel.OK, told)


def off(part: str, told: str, *mend: str) -> Finding:
    return Finding(part, FindingLevel.OFF, told, mend)


def doubtful(part: str, told: str, *mend: str) -> Finding:
    return Finding(part, FindingLevel.DOUBT, told, mend)


def broken(part: str, told: str, *mend: str) -> Finding:
    return Finding(part, FindingLevel.BROKEN, told, mend)
