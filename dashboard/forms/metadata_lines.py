r"""A job's metadata as lines of text, `key=value`, as the form for a new job has it.

album=holidays
"a=b"="two\nlines"             what a line cannot hold as it is, is written as in JSON
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from aijobs.domain.errors import FieldError
from dashboard.forms.form_errors import shortened

FIELD: Final = "metadata"

_QUOTED_KEY: Final = re.compile(r'"(?:[^"\\]|\\.)*"(?=\s*=)')


@dataclass(frozen=True)
class MetadataLine:
    """One that is not empty. `key` is None where there is no `=`."""

    number: int
    text: str
    key: str | None
    value: str

    def error(self, message: str) -> FieldError:
        return FieldError(f"/{FIELD}", f"Line {self.number} ({shortened(self.text)}): {message}")


def metadata_text(metadata: Mapping[str, str]) -> str:
    """The lines for it: the opposite of `metadata_lines`."""
    return "\n".join(f"{_written(key, but='=')}={_written(value)}" for key, value in metadata.items())


def metadata_lines(text: str) -> list[MetadataLine]:
    numbered = ((number, line.strip()) for number, line in enumerate(text.split("\n"), 1))
    return [_line(number, line) for number, line in numbered if line]


def line_errors(lines: list[MetadataLine]) -> Iterator[FieldError]:
    """Of lines that are none, or say a key again."""
    known = set[str]()
    for line in lines:
        if not line.key:
            yield line.error("Write key=value.")
        elif line.key in known:
            yield line.error("This key is there already.")
        else:
            known.add(line.key)


def _line(number: int, line: str) -> MetadataLine:
    quoted = _QUOTED_KEY.match(line)
    begin = quoted.end() if quoted else 0
    key, sign, value = line[begin:].partition("=")
    return MetadataLine(number, line, _read(line[:begin] + key) if sign else None, _read(value))


def _written(part: str, *, but: str = "\n") -> str:
    is_plain = part == part.strip() and part.isprintable() and but not in part and not part.startswith('"')
    return part if is_plain else json.dumps(part, ensure_ascii=False)


def _read(part: str) -> str:
    part = part.strip()
    if part.startswith('"'):
        try:
            if isinstance(read := json.loads(part), str):
                return read
        except ValueError:
            return part
    return part
