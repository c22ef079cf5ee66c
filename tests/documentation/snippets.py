"""The blocks of code in a page of Markdown."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
README: Final = ROOT / "README.md"
CHINESE_README: Final = ROOT / "README.zh-CN.md"

_BLOCK: Final = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENT: Final = re.compile(r"\s+# .*$", re.MULTILINE)


@dataclass(frozen=True)
class Snippet:
    """A block of code; `language` is what stands behind its fence: `sh` for commands that are run as they are."""

    language: str
    text: str

    @property
    def code(self) -> str:
        """Without comments, which are in the language of the page."""
        return _COMMENT.sub("", self.text)


def snippets(page: Path) -> list[Snippet]:
    return [Snippet(found["language"], found["text"]) for found in _BLOCK.finditer(page.read_text("utf-8"))]


def snippets_in(page: Path, language: str) -> list[Snippet]:
    return [snippet for snippet in snippets(page) if snippet.language == language]
