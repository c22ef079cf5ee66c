"""Where in an uploaded spreadsheet a template's table is."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

MAX_SHEET_ROW: Final = 1_048_576  #: by Excel's specification

SheetRowNumber = Annotated[int, Field(strict=True, ge=1, le=MAX_SHEET_ROW)]
SheetName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class TableLayout(BaseModel):
    """Where the table is. What is not said is looked for."""

    model_config = ConfigDict(frozen=True)

    header_row: SheetRowNumber | None = Field(default=None, description="the row that names the columns, from 1")
    first_data_row: SheetRowNumber | None = Field(default=None, description="where instructions follow the header")
    sheet: SheetName | None = Field(default=None, description="the sheet's name, where several look like the table")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.header_row and self.first_data_row and self.first_data_row <= self.header_row:
            raise PydanticCustomError("rows_out_of_order", "The first row of data must be below the header.")
        return self

    @property
    def layout(self) -> "TableLayout":
        """Of something that has more than a layout."""
        return TableLayout(header_row=self.header_row, first_data_row=self.first_data_row, sheet=self.sheet)
