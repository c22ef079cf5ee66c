"""The README in two languages: the same commands in both, and no link into nothing."""

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
ENGLISH: Final = ROOT / "README.md"
CHINESE: Final = ROOT / "README.zh-CN.md"

BLOCK: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK: Final = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


def blocks(readme: Path) -> list[str]:
    return BLOCK.findall(readme.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """Of the headings, as they are made by the usual renderers of Markdown."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_chinese_page_has_the_commands_of_the_english_one() -> None:
    assert len(blocks(CHINESE)) >= 8
    assert [block for block in blocks(CHINESE) if block not in blocks(ENGLISH)] == []


@pytest.mark.parametrize(
    "page",
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_no_link_leads_into_nothing(page: Path) -> None:
    broken = [
        f"{path}#{anchor}"
        for path, anchor in LINK.findall(BLOCK.sub("", page.read_text("utf-8")))
        if not (target := page.parent / path if path else page).exists()
        or (anchor and target.suffix == ".md" and anchor not in anchors(target))
    ]

    assert broken == []
