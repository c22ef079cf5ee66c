"""Limits of reading a document."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from aijobs.domain.values.durations import Duration


class DocumentSettings(BaseModel):
    """Limits of reading: of what is read, and of the process that reads it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_text_bytes: int = Field(default=4 * 1024 * 1024, ge=1, description="of a document's text, as UTF-8")
    max_rows: int = Field(default=100_000, ge=1, description="of a table")
    memory_bytes: int = Field(default=1024**3, ge=256 * 1024**2, description="of one reading process")
    processor_time: Duration = timedelta(seconds=30)
    patience: Duration = timedelta(seconds=60)
    at_once: int = Field(default=2, ge=1, description="reading processes of one of our processes")
