"""`python -m tests.documentation.site [FOLDER]`: the documentation as a site, in English and Chinese, in build/site.

Its pages are those of the repository: the README comes first, links out of the documentation become texts or links to
other pages, and the reference is made from the code at every build, so that it cannot be out of date. MkDocs makes the
site of them (mkdocs.yml), strictly: a link into nothing is an error.
"""

import os
import posixpath
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Final

from aijobs.domain.values.languages.language import Language
from tests.documentation.reference import REFERENCES
from tests.documentation.snippets import ROOT

DOCS: Final = ROOT / "docs"
BUILD: Final = ROOT / "build"
PAGES: Final = "docs"  #: the folder of the pages in the build, as mkdocs.yml has it

CHINESE: Final = ".zh.md"
DECISIONS: Final = "decisions/index.md"

#: Pages that are elsewhere in the repository, by their place in the site.
ELSEWHERE: Final = {
    "index.md": "README.md",
    "index.zh.md": "README.zh-CN.md",
    "security.md": "SECURITY.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}

_LINK: Final = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
_PICTURE: Final = re.compile(r"(!\[[^\]]*\]\()docs/")
_FENCE: Final = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_GENERATED: Final = re.compile(r"^.*`make docs`\.\n\n<!-- generated: (\w+) -->$", re.MULTILINE)
_TITLE: Final = re.compile(r"^# .+$", re.MULTILINE)

UNTRANSLATED: Final = '\n\n!!! note "本页暂无中文"\n\n    这一页还没有中文译文，下面是英文原文。\n'


def main() -> int:
    folder = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else BUILD / "site"
    write_pages(BUILD / PAGES)
    command = (sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--clean", "--site-dir", str(folder))
    return subprocess.run(command, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}).returncode


def write_pages(folder: Path) -> None:
    """Every page twice, as `page.md` and `page.zh.md`, and the pictures beside them."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, folder, ignore=shutil.ignore_patterns("*.md"))
    sources = {place: ROOT / source for place, source in ELSEWHERE.items()} | {
        page.relative_to(DOCS).as_posix(): page for page in DOCS.rglob("*.md")
    }
    texts = {place: source.read_text("utf-8") for place, source in sources.items()} | {DECISIONS: decisions()}
    for place in [place for place in texts if not place.endswith(CHINESE)]:
        _write(folder / place, page(texts[place], place, Language.EN))
        chinese = place.removesuffix(".md") + CHINESE
        if chinese in texts:
            _write(folder / chinese, page(texts[chinese], chinese, Language.ZH))
        else:
            text = page(texts[place], place, Language.ZH)
            _write(folder / chinese, _TITLE.sub(lambda title: title[0] + UNTRANSLATED, text, count=1))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def decisions() -> str:
    """A list of all decisions, by their titles."""
    lines = [
        f"* [{path.name.partition('-')[0]}]({path.name}) {path.read_text('utf-8').partition(chr(10))[0].lstrip('# ')}"
        for path in sorted((DOCS / "decisions").glob("*.md"))
    ]
    return "# Decisions\n\nWhy it is so, one page each.\n\n" + "\n".join(lines) + "\n"


def page(markdown: str, place: str, language: Language) -> str:
    """A page as the site has it."""
    text = _GENERATED.sub(lambda found: reference(found[1], language), _PICTURE.sub(r"\1", markdown))
    pieces = _FENCE.split(text)
    pieces[::2] = [_LINK.sub(lambda link: _linked(link, place), piece) for piece in pieces[::2]]
    return "".join(pieces)


@cache
def reference(name: str, language: Language) -> str:
    return REFERENCES[name](language)


def _linked(link: re.Match[str], place: str) -> str:
    """The link as the site has it: to a page of the site, or its text alone where it leads to code."""
    text, target = link["text"], link["target"]
    path, hash_sign, anchor = target.partition("#")
    if re.match(r"[a-z]+:", target) or not path:
        return link[0]
    source = ELSEWHERE.get(place, f"docs/{place}")
    goal = _page_of(posixpath.normpath(posixpath.join(posixpath.dirname(source), path)))
    if goal is None:
        return text
    return f"[{text}]({posixpath.relpath(goal, posixpath.dirname(place) or '.')}{hash_sign}{anchor})"


def _page_of(in_repository: str) -> str | None:
    """The page of a file or folder of the repository, in English: MkDocs finds its translation by itself."""
    for place, source in ELSEWHERE.items():
        if in_repository == source:
            return place.replace(CHINESE, ".md")
    if not in_repository.startswith("docs/"):
        return None
    place = PurePosixPath(in_repository).relative_to("docs").as_posix().replace(CHINESE, ".md")
    if place == "decisions":
        return DECISIONS
    return f"{place}/README.md" if (ROOT / in_repository).is_dir() else place


if __name__ == "__main__":
    sys.exit(main())
