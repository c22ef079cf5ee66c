"""Tables as files that are sent while they are read."""

import asyncio
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from aijobs.adapters.documents.csv_text import csv_header, csv_lines
from aijobs.adapters.documents.excel import opened_excel, sourced_workbook
from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.sources import RowSources
from aijobs.domain.documents.templates import Row
from aijobs.domain.values.shielded import shielded

CHUNK_BYTES: Final = 256 * 1024


class TableFiles:
    """Implements TableWriter, with memory for one page of rows."""

    async def csv(self, columns: Sequence[Column], pages: AsyncIterable[Sequence[Row]]) -> AsyncIterator[bytes]:
        yield csv_header(columns).encode()
        async for page in pages:
            yield (await asyncio.to_thread(csv_lines, columns, page)).encode()

    async def workbook(self, columns: Sequence[Column], rows: Sequence[Row], sources: Sequence[RowSources]) -> bytes:
        return await asyncio.to_thread(sourced_workbook, columns, rows, sources)

    async def excel(self, columns: Sequence[Column], pages: AsyncIterable[Sequence[Row]]) -> AsyncIterator[bytes]:
        with tempfile.TemporaryDirectory(prefix="aijobs-") as folder:
            path, opened = Path(folder) / "table", ExitStack()
            table = opened.enter_context(opened_excel(path, columns))
            try:
                async for page in pages:
                    await shielded(asyncio.to_thread(table.add, page))
            finally:  # it writes the whole file, also for somebody who has left
                await shielded(asyncio.to_thread(opened.close))
            with path.open("rb") as file:
                while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
                    yield chunk
