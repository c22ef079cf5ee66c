"""Tables that are sent while they are read, to somebody who may leave."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from aijobs.adapters.documents.table_files import TableFiles
from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.templates import Row

COLUMNS = (Column.model_validate({"name": "Order", "type": "string"}),)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


async def test_whoever_leaves_while_a_workbook_is_made_leaves_nothing_behind(folder: Path) -> None:
    reading = asyncio.Event()

    async def pages() -> AsyncIterator[Sequence[Row]]:
        yield [{"Order": f"A{number}"} for number in range(5000)]
        reading.set()
        yield [{"Order": f"B{number}"} for number in range(5000)]
        await asyncio.Event().wait()

    async def read() -> None:
        async for _ in TableFiles().excel(COLUMNS, pages()):
            pass

    leaving = asyncio.create_task(read())
    await reading.wait()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving

    assert list(folder.iterdir()) == []
