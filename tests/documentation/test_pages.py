"""Pages in two languages: the same commands in both, and no link into nothing."""

import re
from pathlib import Path
from typing import Final

import pytest

from aijobs.domain.catalogue import Catalogue
from aijobs.settings import SHIPPED_CATALOGUE
from api.problems import STATUS_OF
from tests.documentation.snippets import CHINESE_README, README, ROOT, snippets, snippets_in

DOCS: Final = ROOT / "docs"
TRANSLATED: Final = {README: CHINESE_README} | {
    page.with_name(page.name.replace(".zh.md", ".md")): page for page in sorted(DOCS.rglob("*.zh.md"))
}
MAX_PICTURE: Final = 150_000  #: bytes

CODE_SPAN: Final = re.compile(r"`([^`]+)`")
HEADING: Final = re.compile(r"^(#+) ", re.MULTILINE)
BLOCK: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK: Final = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")

translated = pytest.mark.parametrize(
    ("page", "chinese"), TRANSLATED.items(), ids=[str(page.relative_to(ROOT)) for page in TRANSLATED]
)


def anchors(page: Path) -> set[str]:
    """Of the headings, as they are made by the usual renderers of Markdown."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def table_rows(page: Path) -> int:
    return len(re.findall(r"^\| ?", page.read_text("utf-8"), re.MULTILINE))


@translated
def test_both_languages_have_the_same_commands(page: Path, chinese: Path) -> None:
    assert [snippet.code for snippet in snippets(chinese)] == [snippet.code for snippet in snippets(page)]


@translated
def test_both_languages_have_the_same_sections_and_tables(page: Path, chinese: Path) -> None:
    prose, chinese_prose = (BLOCK.sub("", one.read_text("utf-8")) for one in (page, chinese))

    assert HEADING.findall(chinese_prose) == HEADING.findall(prose)
    assert table_rows(chinese) == table_rows(page)


@translated
def test_both_languages_name_the_same_things(page: Path, chinese: Path) -> None:
    """Settings, routes, codes and commands, in backquotes."""
    named, named_in_chinese = (
        {code for code in CODE_SPAN.findall(BLOCK.sub("", one.read_text("utf-8"))) if is_name(code)}
        for one in (page, chinese)
    )

    assert named_in_chinese == named


def is_name(code: str) -> bool:
    return re.fullmatch(r"[A-Za-z_][\w./=@:-]*", code) is not None and ".md" not in code


def test_the_catalogue_in_the_settings_is_one() -> None:
    (example,) = snippets_in(DOCS / "reference" / "settings.md", "toml")

    model = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"), example.text).model("replicate_imageupscale_v1")

    assert model.unit_point == 5


def test_codes_that_help_with_troubles_are_codes_of_errors() -> None:
    status_of = {kind.code: str(status.value) for kind, status in STATUS_OF.items()}
    page = (DOCS / "troubleshooting.md").read_text("utf-8")
    refusals = re.findall(r"^\| (4\d\d) `(\w+)`", page, re.MULTILINE)
    failures = set(re.findall(r"`([a-z]+_[a-z_]+)`", page[page.index("## A job failed") : page.index("All codes:")]))

    assert len(refusals) >= 6
    assert [(status_of[code], code) for _, code in refusals] == refusals
    assert len(failures) >= 6
    assert failures <= status_of.keys()


def test_pictures_are_small() -> None:
    sizes = {picture.name: picture.stat().st_size for picture in (DOCS / "pictures").iterdir()}

    assert sizes
    assert {name for name, size in sizes.items() if size > MAX_PICTURE} == set()


@pytest.mark.parametrize(
    "page",
    [*ROOT.glob("*.md"), *DOCS.rglob("*.md")],
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
