"""The documentation as a site: built strictly, whole in both languages, current, with nothing from elsewhere."""

import json
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Final

import pytest
from selectolax.lexbor import LexborHTMLParser

from aijobs.domain.values.languages.language import LANGUAGES, Language
from aijobs.domain.values.languages.messages import messages
from aijobs.settings import GivenSettings
from cli.main import COMMANDS
from dashboard.setting_lines import setting_groups
from tests.documentation.reference import error_kinds, operations
from tests.documentation.site import DOCS, UNTRANSLATED
from tests.documentation.snippets import ROOT

BUILD_TIMEOUT: Final = 300
NOTE: Final = UNTRANSLATED.strip().splitlines()[-1].strip()
FOLDERS: Final = {Language.EN: "", Language.ZH: "zh/"}
EXTERNAL: Final = re.compile(r"(?:https?:)?//")

both_languages = pytest.mark.parametrize("language", LANGUAGES, ids=str)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "tests.documentation.site", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def page(site: Path, name: str, language: Language) -> LexborHTMLParser:
    return LexborHTMLParser((site / f"{FOLDERS[language]}{name}.html").read_text("utf-8"))


def text_of(site: Path, name: str, language: Language) -> str:
    return "".join(node.text() for node in page(site, name, language).css("article"))


def codes(site: Path, name: str, language: Language) -> set[str]:
    """What a page shows as code."""
    return {unescape(node.text()) for node in page(site, name, language).css("article code")}


@both_languages
def test_every_page_is_there(site: Path, language: Language) -> None:
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if not path.name.endswith(".zh.md")}

    missing = {
        path
        for path in {*pages, "index.md", "security.md", "decisions/index.md"}
        if not (site / FOLDERS[language] / path.replace("README.md", "index.md")).with_suffix(".html").exists()
    }
    assert missing == set()


@pytest.mark.parametrize(("name", "is_translated"), [("concepts", True), ("documents", True), ("operations", False)])
def test_a_page_without_a_translation_says_so(site: Path, name: str, *, is_translated: bool) -> None:
    text = text_of(site, name, Language.ZH)

    assert (NOTE in text) is not is_translated
    assert NOTE not in text_of(site, name, Language.EN)


@both_languages
def test_the_reference_has_every_setting_with_its_meaning(site: Path, language: Language) -> None:
    text = text_of(site, "reference/settings", language)
    lines = [line for group in setting_groups(GivenSettings(), {}) for line in group.lines]

    assert {line.variable for line in lines} <= codes(site, "reference/settings", language)
    meanings = {messages(language).get(f"setting.{line.meaning}", "") for line in lines}
    assert len(meanings) > 100
    assert {meaning for meaning in meanings if meaning.replace("`", "") not in text} == set()


@both_languages
def test_the_reference_has_every_error(site: Path, language: Language) -> None:
    assert {kind.code for kind in error_kinds()} <= codes(site, "reference/errors", language)


@both_languages
def test_the_reference_has_every_command(site: Path, language: Language) -> None:
    headings = {node.text().strip("¶") for node in page(site, "reference/commands", language).css("article h3")}

    assert {f"aijobs {name}" for name in COMMANDS} <= headings


@both_languages
def test_the_reference_has_every_route(site: Path, language: Language) -> None:
    described = {f"{method.upper()} {path}" for path, method, _ in operations()}

    assert len(described) > 100
    assert described | {"WS /api/ws"} <= codes(site, "reference/api", language)


def test_the_reference_has_every_metric_of_the_dashboards(site: Path) -> None:
    measured = (ROOT / "deploy" / "grafana" / "aijobs.json").read_text("utf-8")
    shown = codes(site, "reference/metrics", Language.EN)

    named = {re.sub(r"_(bucket|count|sum)$", "", name) for name in re.findall(r"\baijobs_[a-z_]+", measured)}
    assert len(named) > 20
    assert named <= shown | {f"{name}_total" for name in shown}


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loaded = {
        address
        for path in site.rglob("*.html")
        for node in LexborHTMLParser(path.read_text("utf-8")).css(
            "script[src], link[rel=stylesheet], link[rel=icon], img"
        )
        if EXTERNAL.match(address := node.attributes.get("src") or node.attributes.get("href") or "")
    }
    styles = "".join(path.read_text("utf-8") for path in site.rglob("*.css"))

    assert loaded == set()
    assert re.findall(r"url\(['\"]?https?:[^)]*\)|@import", styles) == []


@pytest.mark.parametrize("word", ["sandbox", "沙箱"])
def test_the_search_knows_words_of_both_languages(site: Path, word: str) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))

    assert any(word in entry["text"] for entry in index["docs"])
