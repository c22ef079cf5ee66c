"""The form of a review: a field for each value, named by its row and the place of its column."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aijobs.domain.documents.column_values import CellValue
from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.review import DocumentReview, NumberedRow, RowCorrection
from aijobs.domain.documents.sources import CellSource
from aijobs.domain.errors import BadInput
from aijobs.domain.values.clean_text import clean

ACCEPT: Final = "accept"
LONG_TEXT: Final = 44  #: letters, Chinese ones counted twice: a longer text has a field of several lines


@dataclass(frozen=True, kw_only=True)
class ShownCell:
    """A value on the page, with the form's field `name`; `text` is what the field holds."""

    column: Column
    name: str
    text: str
    source: CellSource
    errors: tuple[str, ...] = ()

    @property
    def is_long(self) -> bool:
        width = sum(2 if letter > "\u2e80" else 1 for letter in self.text)
        return width > LONG_TEXT or "\n" in self.text

    @property
    def quote(self) -> str | None:
        """The quotation, where it says it in other letters than the value."""
        return None if self.source.quote == self.text else self.source.quote


@dataclass(frozen=True, kw_only=True)
class ShownRow:
    """A row on the page. Its errors are about the row as such."""

    number: int
    cells: tuple[ShownCell, ...]
    is_removed: bool = False


def shown_text(value: CellValue) -> str:
    """As a field holds it; sent back unchanged it is the same value."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.15g}" if float(f"{value:.15g}") == value else repr(value)
    return str(value)


def field_name(kind: str, row: int, column: int) -> str:
    return f"{kind}-{row}-{column}"


def shown_rows(
    columns: Sequence[Column],
    rows: Sequence[NumberedRow],
    sent: Mapping[str, str] | None = None,
    errors: Mapping[tuple[int, str], tuple[str, ...]] | None = None,
) -> list[ShownRow]:
    """The rows as they are, or, after a form that was refused, as it was sent."""
    return [
        ShownRow(
            number=row.number,
            cells=tuple(
                ShownCell(
                    column=column,
                    name=field_name("value", row.number, index),
                    text=(sent or {}).get(
                        field_name("value", row.number, index), shown_text(row.values.get(column.name))
                    ),
                    source=row.sources.get(column.name, CellSource()),
                    errors=(errors or {}).get((row.number, column.name), ()),
                )
                for index, column in enumerate(columns)
            ),
            is_removed=f"remove-{row.number}" in (sent or {}),
        )
        for row in rows
    ]


def review_sent(columns: Sequence[Column], rows: Sequence[NumberedRow], sent: Mapping[str, str]) -> DocumentReview:
    """What a form says of the rows: values that were changed, and marked ones that were ticked."""
    corrections = list[RowCorrection]()
    for row in rows:
        if f"remove-{row.number}" in sent:
            corrections.append(RowCorrection(row=row.number, remove=True))
        elif values := dict(_values(columns, row, sent)):
            corrections.append(RowCorrection(row=row.number, values=values))
    return DocumentReview(rows=tuple(corrections), accept=sent.get("do") == ACCEPT)


def _values(columns: Sequence[Column], row: NumberedRow, sent: Mapping[str, str]) -> Iterator[tuple[str, CellValue]]:
    for index, column in enumerate(columns):
        text, value = sent.get(field_name("value", row.number, index)), row.values.get(column.name)
        if text is None:
            continue
        plain = clean(text).replace("\r\n", "\n")  # browsers end lines with CR LF (HTML, 4.10.21.4)
        if plain != shown_text(value).replace("\r\n", "\n"):
            yield column.name, plain or None
        elif field_name("ok", row.number, index) in sent:
            yield column.name, value


def errors_of(review: DocumentReview, refused: BadInput) -> dict[tuple[int, str], tuple[str, ...]]:
    """The messages about each value, by row and column."""
    found = dict[tuple[int, str], tuple[str, ...]]()
    for error in refused.fields:
        parts = error.pointer.split("/")
        if len(parts) == 5 and parts[1] == "rows" and parts[3] == "values":
            number = review.rows[int(parts[2])].row
            at = (number or 0, parts[4].replace("~1", "/").replace("~0", "~"))
            found[at] = (*found.get(at, ()), error.message)
    return found
