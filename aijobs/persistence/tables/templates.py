"""Templates of document jobs, every version of them, and the rows that came of their documents."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, SQLModel

from aijobs.persistence.column_types import RowId, now
from aijobs.persistence.tables.base import BaseFields


class TemplateRow(BaseFields, table=True):
    """A template by its id; `version` is that of its newest definition, and stays when it is deleted."""

    __tablename__ = "template"

    id: str = Field(primary_key=True, max_length=64)
    file_sha256: str | None = None  #: of the file that it was last taken from


class TemplateVersionRow(SQLModel, table=True):
    """A definition as it was saved. Never changed: a job keeps the version that it began with."""

    __tablename__ = "template_version"

    template_id: str = Field(primary_key=True, foreign_key="template.id", max_length=64)
    version: int = Field(primary_key=True)
    definition: dict[str, Any] = Field(sa_type=JSON)
    create_by: str | None = None
    create_time: datetime = Field(default_factory=now)


class ExtractedRow(SQLModel, table=True):
    """One row of the table that came of a document. `source` is the code of its job, or of an upload of a table."""

    __tablename__ = "template_row"
    __table_args__ = (UniqueConstraint("source", "row_number"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    template_id: str = Field(index=True, max_length=64)
    template_version: int
    source: str = Field(max_length=40)
    user_id: str = Field(max_length=200)
    row_number: int
    values: dict[str, Any] = Field(sa_type=JSON)
    sources: dict[str, Any] | None = Field(default=None, sa_type=JSON)  #: by column, as `stored_sources` has them
    create_time: datetime = Field(default_factory=now)


class TableChangeRow(SQLModel, table=True):
    """What a person did to the table of a job. Never changed, never deleted while the job is there.

    `by` is a key's id; `user_id` the end user that it acted for. `before` and `after` are values by column.
    """

    __tablename__ = "table_change"

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    job_code: str = Field(foreign_key="job.code", max_length=40, index=True)
    at: datetime = Field(default_factory=now)
    by: str = Field(max_length=40)
    user_id: str | None = Field(default=None, max_length=200)
    kind: str = Field(max_length=20)
    row_number: int | None = None
    before: dict[str, Any] = Field(sa_type=JSON)
    after: dict[str, Any] = Field(sa_type=JSON)
