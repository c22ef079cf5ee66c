"""Conversations with language models: messages, until they are erased, and costs, which are kept."""

from datetime import datetime

from sqlalchemy import LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from aijobs.persistence.column_types import RowId, now


class ConversationRow(SQLModel, table=True):
    """A job's conversation. `cleared_at` closes it: no message is added after that."""

    __tablename__ = "conversation"

    job_code: str = Field(primary_key=True, foreign_key="job.code", max_length=40)
    stages: int
    template_id: str
    template_version: int
    pages: int | None = None  #: of the document, where it was read
    create_time: datetime = Field(default_factory=now)
    cleared_at: datetime | None = None


class ConversationDocumentRow(SQLModel, table=True):
    """What a job's document says, with the places of its words; deleted when the conversation is cleared."""

    __tablename__ = "conversation_document"

    job_code: str = Field(primary_key=True, foreign_key="conversation.job_code", max_length=40)
    content: bytes = Field(sa_type=LargeBinary)  #: JSON, compressed by zlib


class MessageRow(SQLModel, table=True):
    """One message. Without `content` it is erased. `lost` counts how often it left without an answer that is kept."""

    __tablename__ = "conversation_message"
    __table_args__ = (UniqueConstraint("job_code", "stage", "role"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    job_code: str = Field(foreign_key="conversation.job_code", max_length=40)
    stage: int
    role: str
    content: str | None
    file: str | None = None
    lost: int = 0
    tokens_in: int | None = Field(default=None, sa_type=RowId)
    tokens_out: int | None = Field(default=None, sa_type=RowId)
    cost: float | None = None
    model: str | None = None
    finish: str | None = None
    seconds: float | None = None
    create_time: datetime = Field(default_factory=now)
