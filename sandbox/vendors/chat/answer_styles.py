"""The ways in which language models write a table that was asked for as JSON, by name."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

Row = Mapping[str, Any]
Style = Callable[[Sequence[Row]], str]


def _plain(rows: Sequence[Row]) -> str:
    return json.dumps({"rows": rows}, ensure_ascii=False, indent=1)


def _draft(rows: Sequence[Row]) -> str:
    """A table that is not the answer: without the last row."""
    return _plain(rows[:-1])


def _json_lines(rows: Sequence[Row]) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def _fenced_pages(rows: Sequence[Row]) -> str:
    return "\n".join(f"Page {number}:\n```json\n{_plain([row])}\n```\n" for number, row in enumerate(rows, 1))


def _duplicate_key(rows: Sequence[Row]) -> str:
    return f'{{"rows": {json.dumps(rows[:1])}, "rows": {json.dumps(rows[1:])}}}'


def _reasoning_key(rows: Sequence[Row]) -> str:
    return json.dumps({"reasoning": "I see [some] {rows}.", "rows": rows}, ensure_ascii=False)


def _commented(rows: Sequence[Row]) -> str:
    lines = "".join(f"  {json.dumps(row, ensure_ascii=False)}, // row {number}\n" for number, row in enumerate(rows, 1))
    return f'{{"rows": [\n{lines}]}}'


def _elided(rows: Sequence[Row]) -> str:
    return f'{{"rows": [{json.dumps(rows[0], ensure_ascii=False)} // ... and so on\n]}}'


def _full_width(rows: Sequence[Row]) -> str:
    return _plain(rows).translate(str.maketrans("{}[]:,", "｛｝［］：，"))


def _separators(rows: Sequence[Row]) -> str:
    def cell(value: Any) -> str:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return f"{value:,}" if is_number else json.dumps(value, ensure_ascii=False)

    lines = [", ".join(f'"{name}": {cell(value)}' for name, value in row.items()) for row in rows]
    return f'{{"rows": [{", ".join(f"{{{line}}}" for line in lines)}]}}'


def _invented_key(rows: Sequence[Row]) -> str:
    """The quote that ends the first text is missing."""
    return _plain(rows).replace('",', ",", 1)


STYLES: Final[Mapping[str, Style]] = {
    "json_lines": _json_lines,
    "documents": lambda rows: "\n".join(_plain([row]) for row in rows),
    "fenced_pages": _fenced_pages,
    "duplicate_key": _duplicate_key,
    "cut": lambda rows: _plain(rows)[: -len(_plain(rows)) // 4],
    "thoughts": lambda rows: f"<think>Maybe {_draft(rows)}? No.</think>\n{_plain(rows)}",
    "thinking_tag": lambda rows: f"<thinking>\n```json\n{_draft(rows)}\n```\n</thinking>\n```json\n{_plain(rows)}\n```",
    "triangle_thoughts": lambda rows: f"◁think▷{_draft(rows)}◁/think▷{_plain(rows)}",
    "thoughts_without_beginning": lambda rows: f"Maybe {_draft(rows)}? No.\n</think>\n{_plain(rows)}",
    "thoughts_without_end": lambda rows: f"<think>Maybe {_plain(rows)}? No, ",
    "correction": lambda rows: f"{_draft(rows)}\nWait, that is wrong. Corrected:\n{_plain(rows)}",
    "addition": lambda rows: f"{_draft(rows)}\nI missed one:\n{_plain(rows[-1:])}",
    "doubt": lambda rows: f"{_plain(rows)}\nWait, that is wrong.",
    "reasoning_key": _reasoning_key,
    "prose_with_brackets": lambda rows: f"The columns are [a, b], see [1].\n{_plain(rows)}\nDone {{ok}}.",
    "python_literals": lambda rows: repr({"rows": list(rows)}),
    "comments": _commented,
    "elision": _elided,
    "full_width": _full_width,
    "separators": _separators,
    "not_a_number": lambda rows: _plain(rows).replace("null", "NaN"),
    "invented_key": _invented_key,
    "first_row_missing": lambda rows: _plain(rows[1:]),
    "json_in_a_text": lambda rows: json.dumps(_plain(rows)),
}
