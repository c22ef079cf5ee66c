"""docs/sandbox.md lists every fault as the catalogue has it."""

from pathlib import Path
from typing import Final

from sandbox.faults.catalogue import CATALOGUE, Fault, FaultSheet

DOCS: Final = Path(__file__).parents[2] / "docs" / "sandbox.md"


def argument_of(sheet: FaultSheet) -> str:
    if sheet.choices:
        return ", ".join(f"`{choice}`" for choice in sheet.choices)
    if sheet.arg is None:
        return ""
    return f"{sheet.arg} (`{sheet.default}`)"


def row_of(fault: Fault) -> str:
    sheet = CATALOGUE[fault]
    on = sheet.on.value if sheet.on else "every call"
    return f"| `{fault}` | {argument_of(sheet)} | {on} | {sheet.about} |"


def test_every_fault_is_documented_as_it_is() -> None:
    rows = "\n".join(map(row_of, Fault))

    assert rows in DOCS.read_text("utf-8"), rows
