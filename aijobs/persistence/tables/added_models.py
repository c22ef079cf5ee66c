"""Models that were added to an installation while it ran."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from aijobs.persistence.column_types import now


class AddedModelRow(SQLModel, table=True):
    """A model as it was added. The definition is never changed, since jobs may have begun with it."""

    __tablename__ = "added_model"

    model_id: str = Field(primary_key=True, max_length=100)
    definition: dict[str, Any] = Field(sa_type=JSON)
    create_by: str
    create_time: datetime = Field(default_factory=now)
    removed_by: str | None = None
    removed_at: datetime | None = None
