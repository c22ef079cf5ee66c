"""What a spreadsheet's readers give: sheets, rows and cells, whatever the file's format."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from aijobs.adapters.documents.spreadsheets.number_formats import NumberFormat
from aijobs.domain.documents.column_values import MAX_EXACT
from aijobs.domain.errors import FileTooLarge

MAX_WIDTH: Final = 1000  #: columns

WITHOUT_VALUE: Final = (
    "Is a formula without a stored value. Open the file in a spreadsheet program and save it, so that it has one."
)
DIGITS_LOST: Final = (
    "Is a number of more digits than spreadsheets keep: digits are lost. Write it as text, in a cell of that format."
)


class Cell:
    """One cell with something in it.

    `value` is what it holds: a text, a number, a truth value, a day, a time, or a duration; `shown` is what people see
    of it. `problem` says why neither can be relied on, `uncertain_number` why no number can be made of a text.
    """

    problem: str | None = None
    uncertain_number: str | None = None
    loses_digits = False

    def __init__(self, value: object, text: str = "") -> None:
        self.value = value
        self._text = text

    @property
    def shown(self) -> str:
        """Raises ValueError when people see no value."""
        return self._text

    @property
    def is_filled(self) -> bool:
        return self.problem is not None or not isinstance(self.value, str) or bool(self.value.strip())


class NumberCell(Cell):
    """A number under a format. Of large whole numbers digits are lost."""

    def __init__(self, number: float, number_format: NumberFormat) -> None:
        self.value = number_format.value(number)
        self._number = number
        self._format = number_format
        if abs(number) > MAX_EXACT:
            self.loses_digits = number % 1 == 0

    @property
    def shown(self) -> str:
        return self._format.shown(self._number)


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row by its number in the sheet, from 1. `cells` may be shorter than the table is wide."""

    number: int
    cells: Sequence[Cell | None]

    @property
    def is_filled(self) -> bool:
        return any(cell is not None and cell.is_filled for cell in self.cells)


@dataclass(frozen=True, slots=True)
class MergedRange:
    """Cells that are merged into one: rows from 1, columns from 0, both ends included."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """`rows` reads the sheet from its first row on each call, without rows that hold nothing; `note` says why none.

    `is_text`: cells are parted by a separator, which may be in a cell by mistake.

    Raises UnreadableFile for a damaged sheet, and FileTooLarge for a very wide one.
    """

    name: str
    rows: Callable[[], Iterator[SheetRow]]
    merges: Callable[[], Sequence[MergedRange]] = tuple
    is_hidden: bool = False
    is_text: bool = False
    note: str | None = None


def filled_width(cells: Sequence[Cell | None]) -> int:
    """Without what is empty at the row's end."""
    return max((at for at, cell in enumerate(cells, 1) if cell is not None), default=0)


def check_width(width: int, sheet: str) -> None:
    """Raises FileTooLarge."""
    if width > MAX_WIDTH:
        raise FileTooLarge(
            f"The sheet {sheet!r} is {width:,} columns wide; {MAX_WIDTH:,} is the most that we take. "
            "A single cell far outside of the table is enough for that."
        )


def text_cell(text: str, number_format: NumberFormat | None = None) -> Cell | None:
    if not text:
        return None
    shows_otherwise = number_format is not None and number_format.shows_text_otherwise
    return Cell(text, number_format.shown_text(text) if number_format is not None and shows_otherwise else text)


def truth_cell(*, value: bool) -> Cell:
    return Cell(value, "TRUE" if value else "FALSE")


def cell_without_value() -> Cell:
    """A formula that was never computed."""
    cell = Cell(None)
    cell.problem = WITHOUT_VALUE
    return cell


def error_cell(error: str) -> Cell:
    """A formula's error, such as #N/A."""
    cell = Cell(error, error)
    cell.problem = f"Is the error {error}."
    return cell
