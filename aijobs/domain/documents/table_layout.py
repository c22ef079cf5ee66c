"""Where in an uploaded spreadsheet a template's table is."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator
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

    @field_validator("first_data_row")
    @classmethod
    def _below_the_header(cls, value: int | None, info: ValidationInfo) -> int | None:
        header_row = info.data.get("header_row")
        if value is not None and header_row is not None and value <= header_row:
            raise PydanticCustomError("rows_out_of_order", "The first row of data must be below the header.")
        return value

    @property
    def layout(self) -> "TableLayout":
        """Of something that has more than a layout."""
        return TableLayout(header_row=self.header_row, first_data_row=self.first_data_row, sheet=self.sheet)
