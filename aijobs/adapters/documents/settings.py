"""Limits of reading a document."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from aijobs.domain.values.durations import Duration


class RecognitionSettings(BaseModel):
    """Recognising the text of pages that are pictures (OCR), and the limits of the process that does it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    max_pages: int = Field(default=200, ge=1, description="of one document that have no other text")
    max_side: int = Field(default=2000, ge=640, description="pixels at which lines are looked for; 1280 needs less")
    min_score: float = Field(default=0.8, ge=0, le=1, description="below it a page counts as unreadable")
    memory_bytes: int = Field(default=2 * 1024**3, ge=1024**3, description="of one recognising process")
    processor_time: Duration = timedelta(seconds=40)  #: for one page
    patience: Duration = timedelta(minutes=10)  #: with one page, on however busy a machine
    at_once: int = Field(default=1, ge=1, description="recognising processes of one of our processes")


class DocumentSettings(BaseModel):
    """Limits of reading: of what is read, and of the process that reads it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_text_bytes: int = Field(default=4 * 1024 * 1024, ge=1, description="of a document's text, as UTF-8")
    max_rows: int = Field(default=100_000, ge=1, description="of a table")
    comments: bool = Field(default=False, description="reviewers' comments are read too")
    memory_bytes: int = Field(default=1024**3, ge=256 * 1024**2, description="of one reading process")
    processor_time: Duration = timedelta(seconds=30)
    patience: Duration = timedelta(seconds=60)  #: with one document, however busy the machine is
    at_once: int = Field(default=2, ge=1, description="reading processes of one of our processes")
    ocr: RecognitionSettings = RecognitionSettings()
