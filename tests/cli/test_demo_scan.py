"""The demo of scans: a photographed invoice becomes a table, and nothing is left running."""

import json
from pathlib import Path

from cli.errors import Exit
from tests.cli.command import aijobs_process, processes_of

ITEMS = [
    ("Laser rangefinder LR-20", 4, 1250, 5000),
    ("Tripod, carbon", 4, 180.5, 722),
    ("Calibration service", 1, 390, 390),
]


async def test_the_demo_recognises_a_photographed_invoice(tmp_path: Path) -> None:
    result = await aijobs_process("demo", "--scan", "--data-dir", str(tmp_path), folder=tmp_path / "untouched")

    assert result.code == Exit.SUCCESS, result.err
    assert processes_of(tmp_path) == {}
    (answer,) = tmp_path.glob("store/outputs/*/1.json")
    rows = json.loads(answer.read_text("utf-8"))["rows"]
    assert [(row["Item"], row["Quantity"], row["Unit price"], row["Amount"]) for row in rows] == ITEMS
    for row in rows:
        assert (row["Invoice number"], row["Buyer"]) == ("INV-2026-0042", "Acme Instruments Ltd")
        assert (row["Invoice date"], row["Currency"]) == ("2026-11-03", "EUR")
    assert "Laser rangefinder LR-20" in result.out
