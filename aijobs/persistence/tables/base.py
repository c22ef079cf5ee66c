"""The fields that the customer's rows share: soft delete (`del`), sort, who and when, version."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from aijobs.persistence.column_types import now


class BaseFields(SQLModel):
    """The fields that every row of the customer's carries."""

    status: int = Field(default=1, description="1: in use")
    deleted: bool = Field(default=False, sa_column_kwargs={"name": "del"})
    sort: int = 0
    create_by: str | None = None
    create_time: datetime = Field(default_factory=now)
    update_by: str | None = None
    update_time: datetime = Field(default_factory=now)
    version: int = 1
