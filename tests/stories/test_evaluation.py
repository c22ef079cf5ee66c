"""`aijobs templates evaluate`: documents with known tables, over the whole stack."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cli.errors import Exit
from tests.api.templates import ORDERS
from tests.cli.command import CommandResult, aijobs_process
from tests.stories.stack import StoryStack, running_stack

ORDER = "订单号：A1\n金额：5\n"


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoryStack]:
    async with running_stack(tmp_path_factory.mktemp("evaluation")) as stack:
        stack.sandbox.pace(queue_seconds=0, work_seconds=0.01)
        (await stack.api.put("/api/templates/orders", json=ORDERS)).raise_for_status()
        yield stack


async def evaluate(stack: StoryStack, folder: Path, *arguments: str) -> CommandResult:
    key = stack.api.headers["Authorization"].removeprefix("Bearer ")
    where = ("--url", str(stack.api.base_url), "--key", key)
    return await aijobs_process("templates", "evaluate", *arguments, *where, folder=folder)


@pytest.mark.parametrize(
    ("template", "rows"), [("contract_zh", 3), ("contract_en", 3), ("invoice_zh", 9), ("invoice_en", 9)]
)
async def test_the_shipped_samples_are_read(stack: StoryStack, tmp_path: Path, template: str, rows: int) -> None:
    result = await evaluate(stack, tmp_path, template, "--json")

    told: dict[str, Any] = json.loads(result.out)
    assert told["rows"] == {"expected": rows, "found": rows, "missed": 0, "invented": 0}
    assert [document["wrong"] for document in told["documents"]] == [[], [], []]
    assert told["accuracy"] == 1.0
    assert told["tokens_in"] > told["tokens_out"] > 0
    assert (result.code, told["failed"]) == (Exit.SUCCESS, 0)


async def test_what_is_wrong_is_counted_by_column(stack: StoryStack, tmp_path: Path) -> None:
    folder = tmp_path / "known"
    folder.mkdir()
    (folder / "right.txt").write_text(ORDER)
    (folder / "right.csv").write_text("订单号,金额\nA1,5\n")
    (folder / "wrong.txt").write_text(ORDER)
    (folder / "wrong.json").write_text(json.dumps([{"订单号": "A1", "金额": 6}, {"订单号": "A2", "金额": 7}]))

    told = json.loads((await evaluate(stack, tmp_path, "orders", str(folder), "--json")).out)
    shown = await evaluate(stack, tmp_path, "orders", str(folder))

    assert told["columns"]["订单号"] == {"correct": 2, "expected": 3, "accuracy": 0.6667}
    assert told["columns"]["金额"] == {"correct": 1, "expected": 3, "accuracy": 0.3333}
    assert told["rows"] == {"expected": 3, "found": 2, "missed": 1, "invented": 0}
    assert "wrong.txt, row 1, 金额: 5 instead of 6" in shown.out
    assert "50.0 % of the cells are right" in shown.out


async def test_nothing_is_sent_before_everything_known_is_read(stack: StoryStack, tmp_path: Path) -> None:
    folder = tmp_path / "known"
    folder.mkdir()
    (folder / "right.txt").write_text(ORDER)
    (folder / "right.json").write_text('[{"订单号": "A1", "金额": 5}]')
    (folder / "alone.txt").write_text(ORDER)

    alone = await evaluate(stack, tmp_path, "orders", str(folder))
    (folder / "alone.json").write_text('[{"订单号": "A1", "金额": "much"}]')
    invalid = await evaluate(stack, tmp_path, "orders", str(folder))
    unknown = await evaluate(stack, tmp_path, "orders")

    assert "alone.txt" in alone.err
    assert "/0/金额: Must be a number." in invalid.err
    assert "There are samples for contract_en" in unknown.err
    assert {alone.code, invalid.code, unknown.code} == {Exit.ERROR}
    assert (await stack.api.get("/api/jobs", headers={"Aijobs-User": "nobody"})).json()["data"] == []
