"""The product's second command: a contract becomes a table, and nothing is left running."""

import json
from pathlib import Path

from cli.errors import Exit
from tests.cli.command import aijobs_process, processes_of


async def test_the_demo_reads_a_contract_stage_by_stage(tmp_path: Path) -> None:
    result = await aijobs_process(
        *("demo", "--document", "--data-dir", str(tmp_path)),
        folder=tmp_path / "untouched",
        AIJOBS_CHAT__TOKEN="sk-real_money",
    )

    assert result.code == Exit.SUCCESS, result.err
    assert processes_of(tmp_path) == {}
    for stage in range(1, 5):
        assert f"stage {stage} of 4" in result.out
    (answer,) = tmp_path.glob("store/outputs/*/1.json")
    (row,) = json.loads(answer.read_text("utf-8"))["rows"]
    assert row["合同编号"] == "HT-2026-0317"
    assert row["合同金额"] == 286500
    assert all(str(value) in result.out for value in row.values())
    assert str(answer.with_name("0.xlsx")) in result.out
    assert f":8080/documents/{answer.parent.name}/review" in result.out


async def test_one_demo_at_a_time(tmp_path: Path) -> None:
    result = await aijobs_process("demo", "--document", "--midjourney", folder=tmp_path)

    assert result.code == Exit.ERROR
    assert "One demo at a time" in result.err
