"""Reviews of photos, and the photos that were beautified after one."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field

from aijobs.persistence.column_types import RowId, partial_index
from aijobs.persistence.tables.base import BaseFields


class PhotoReviewRow(BaseFields, table=True):
    """A photo and what is thought of it. `file_code` is the published copy, an upload of its owner.

    `job_code` is the job that reviews, `beautify_job_code` the last one that beautifies. `beautify_image` is true while
    that one runs, and when there are beautified photos.
    """

    __tablename__ = "photo_review_analysis"
    __table_args__ = (
        Index("ix_photo_review_analysis_user_id_id", "user_id", "id"),
        partial_index("ix_photo_review_analysis_deleted", "deleted_at", where="deleted_at IS NOT NULL"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    code: str = Field(unique=True, max_length=40)
    user_id: str = Field(max_length=200)
    job_code: str = Field(max_length=40)
    file_code: str = Field(max_length=40)
    name: str
    ori_img_url: str
    width: int
    height: int
    beautify_ability: bool = False
    beautify_image: bool = False
    beautify_job_code: str | None = Field(default=None, max_length=40)
    analysis: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    deleted_at: datetime | None = None


class PhotoBeautifyRow(BaseFields, table=True):
    """One output of a job that has beautified a photo. `sort` is its place among them, `cost_time` in seconds.

    `img_url` leads to it at our API for ever, by a fresh link each time; `original_url` is where the provider had it.
    """

    __tablename__ = "photo_beautify"
    __table_args__ = (UniqueConstraint("job_code", "sort"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    code: str = Field(unique=True, max_length=40)
    photo_review_analysis_code: str = Field(foreign_key="photo_review_analysis.code", index=True, max_length=40)
    job_code: str = Field(foreign_key="job.code", max_length=40)
    user_id: str = Field(max_length=200)
    img_url: str
    original_url: str | None
    img_status: int = Field(description="4: the picture exists")
    cost_time: float | None
    model_id: str
    model_name: str
