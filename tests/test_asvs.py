"""docs/asvs.md: every requirement of levels 1 and 2 is there once, and what it names exists."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "asvs.md"

#: Of version 5.0.0: the levels of each section's requirements, in their order.
LEVELS: Final = (
    "1.1:22 1.2:1111122223 1.3:112222222223 1.4:222 1.5:123 2.1:122 2.2:112 2.3:12223 2.4:23 3.1:3 3.2:113 "
    "3.3:12223 3.4:11222233 3.5:11122333 3.6:3 3.7:22333 4.1:12233 4.2:23333 4.3:22 4.4:1222 5.1:2 5.2:112333 "
    "5.3:113 5.4:222 6.1:122 6.2:111111112222 6.3:11223333 6.4:112233 6.5:22222333 6.6:2223 6.7:33 6.8:2222 "
    "7.1:222 7.2:1111 7.3:22 7.4:11222 7.5:223 7.6:22 8.1:1233 8.2:1123 8.3:133 8.4:23 9.1:111 9.2:1222 10.1:22 "
    "10.2:223 10.3:22223 10.4:1111122222233333 10.5:22222 10.6:22 10.7:222 11.1:2233 11.2:22233 11.3:11233 "
    "11.4:1222 11.5:23 11.6:23 11.7:33 12.1:12233 12.2:11 12.3:22223 13.1:2333 13.2:222223 13.3:2233 "
    "13.4:1222233 14.1:22 14.2:12223333 14.3:122 15.1:12233 15.2:12233 15.3:1222222 15.4:3333 16.1:2 16.2:22222 "
    "16.3:2222 16.4:222 16.5:2223 17.1:23 17.2:22223333 17.3:22"
)
ANSWERS: Final = {"met", "not applicable", "deployment", "**not met**"}
ROW: Final = re.compile(r"^\| (\d+\.\d+\.\d+) \| (\d) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
PATH: Final = re.compile(r"`((?:[\w.-]+/)[\w./-]+|[\w-]+\.(?:md|toml|yml|py))`")


def rows() -> list[tuple[str, ...]]:
    return ROW.findall(PAGE.read_text("utf-8"))


def required() -> dict[str, str]:
    """The level of each requirement of levels 1 and 2."""
    sections = (section.split(":") for section in LEVELS.split())
    levels = {f"{name}.{place}": level for name, digits in sections for place, level in enumerate(digits, 1)}
    return {number: level for number, level in levels.items() if level in "12"}


def test_every_requirement_is_there_once_with_its_level() -> None:
    assert [(number, level) for number, level, *_ in rows()] == list(required().items())


def test_each_has_an_answer_and_says_where_or_why() -> None:
    assert {answer for *_, answer, _ in rows()} == ANSWERS
    assert [number for number, *_, where in rows() if len(where) < 4] == []


def test_what_is_met_names_what_exists() -> None:
    missing = {
        (number, path) for number, *_, where in rows() for path in PATH.findall(where) if not (ROOT / path).exists()
    }

    assert missing == set()


def test_the_figures_at_its_head_are_those_of_its_rows() -> None:
    answers = [answer.strip("*") for *_, answer, _ in rows()]
    head = PAGE.read_text("utf-8").partition("\n## ")[0]
    for answer in ANSWERS:
        line = next(line for line in head.splitlines() if line.startswith(f"| {answer} |"))

        assert line.endswith(f"| {answers.count(answer.strip('*'))} |")
