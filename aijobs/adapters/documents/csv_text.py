"""Writing tables as CSV, by their columns."""

from collections.abc import Iterable, Mapping, Sequence

from aijobs.domain.documents.column_values import CellValue
from aijobs.domain.documents.columns import Column
from aijobs.domain.values.safe_csv import BYTE_ORDER_MARK, safe_csv


def csv_header(columns: Sequence[Column]) -> str:
    return BYTE_ORDER_MARK + safe_csv([[column.name for column in columns]])


def csv_lines(columns: Sequence[Column], rows: Iterable[Mapping[str, CellValue]]) -> str:
    """A line for each row."""
    return safe_csv([row.get(column.name) for column in columns] for row in rows)
