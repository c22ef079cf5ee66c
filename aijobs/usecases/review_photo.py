"""Reviewing a photo: a clean copy is stored, and a job reviews it."""

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, StrictInt
from sqlmodel import Session

from aijobs.domain.catalogue import Model
from aijobs.domain.errors import FieldError, InvalidParameters, NotFound
from aijobs.domain.jobs.idempotent_meaning import digest_of
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.jobs.parameters import FILE_CODE
from aijobs.domain.photos import REVIEW_MODEL
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.ports.photos import PictureDecoder
from aijobs.domain.values.actors import Owner
from aijobs.domain.values.ids import new_id
from aijobs.domain.values.pictures import CleanPhoto, PictureContent
from aijobs.persistence.access.idempotency import IdempotencyClaim, Receipt
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.jobs.queries import file_of
from aijobs.persistence.tables import FileRow, JobRow, PhotoReviewRow
from aijobs.usecases.idempotency import Render, claim_for, first_receipt
from aijobs.usecases.models import AvailableModels
from aijobs.usecases.new_job import JobMaker
from aijobs.usecases.upload_file import MAX_NAME_LENGTH, Upload, check_size, keep_stored, once, stored

IMAGE: Final = "image"  #: the review model's parameter
JPEG: Final = "image/jpeg"


class ReviewRequest(BaseModel):
    """A photo that was uploaded before."""

    model_config = ConfigDict(extra="forbid")

    file: str = Field(pattern=f"^{FILE_CODE}$", examples=["file_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])
    user_id: str | StrictInt | None = Field(default=None, description="with a service key: the end user it is for")


@dataclass(frozen=True, kw_only=True)
class Photo:
    """The photo to review: a file that was just uploaded, or the content of an earlier upload."""

    name: str
    content: PictureContent


@dataclass(frozen=True, kw_only=True)
class ReviewPhoto:
    """`render` makes the response for a new review."""

    database: Database
    store: ObjectStore
    models: AvailableModels
    jobs: JobMaker
    pictures: PictureDecoder
    max_bytes: int
    daily_limit: int
    render: Render[PhotoReviewRow]

    async def upload(self, upload: Upload, owner: Owner, *, idempotency_key: str | None = None) -> Receipt:
        """The receipt of a new review; a second call with the same key and photo returns the first one.

        Raises UnreadableFile, FileTooLarge, TooBusy, ModelNotConfigured, ModelRetired, PointsExhausted,
        StoreUnavailable, IdempotencyMismatch and IdempotencyInFlight.
        """
        upload.check_size(self.max_bytes)
        claim = claim_for(owner, idempotency_key, {"photo": upload.sha256, "name": upload.name})
        if first := await first_receipt(self.database, claim):
            return first
        return await self._review(Photo(name=upload.name, content=upload.path), owner, claim)

    async def uploaded(self, request: ReviewRequest, owner: Owner, *, idempotency_key: str | None = None) -> Receipt:
        """The same for a photo that was uploaded before, which is copied. Also raises InvalidParameters."""
        meaning = partial(digest_of, {"file": request.file})
        claim = claim_for(owner, idempotency_key, request.model_dump(mode="json"), meaning=meaning)
        if first := await first_receipt(self.database, claim):
            return first
        try:
            file = await self.database.read(file_of, request.file, user_id=owner.user_id)
        except NotFound as error:
            field = FieldError("/file", "There is no such file of this user.")
            raise InvalidParameters("A file cannot be used.", field) from error
        check_size(file.size, self.max_bytes)
        return await self._review(Photo(name=file.name, content=self.store.read(file.key)), owner, claim)

    async def _review(self, photo: Photo, owner: Owner, claim: IdempotencyClaim | None) -> Receipt:
        """Stores the copy; then its row, the review, the job and its points are written in one transaction."""
        model = self.models.model_on(REVIEW_MODEL, now().date())
        self.models.configured_adapter(model)
        clean = await self.pictures.clean(photo.content)
        file = _file_row(photo, clean, owner)
        review = _review_row(file, clean)
        order = self._order(model, review, owner)

        def accepted(session: Session) -> JobRow:
            keep_stored(session, file)
            job = accept(session, order)
            review.job_code = job.code
            session.add(PhotoReviewRow(**review.model_dump()))
            session.flush()
            return job

        def receipt_of(_job: JobRow) -> Receipt:
            return Receipt(code=review.code, answer=self.render(review))

        async with stored(self.database, self.store, file, once(clean.content)):
            return await self.jobs.make_once(claim, accepted, receipt_of=receipt_of)

    def _order(self, model: Model, review: PhotoReviewRow, owner: Owner) -> Acceptance:
        params = {IMAGE: review.file_code}
        request = JobRequest(
            model_id=model.model_id, params=params, photo_review_analysis_code=review.code, user_id=owner.user_id
        )
        return Acceptance(
            user_id=owner.user_id,
            request=request,
            model=model,
            params=params,
            created_by=owner.key_id,
            daily_limit=self.daily_limit,
        )


def photo_key(file_code: str) -> str:
    """The store key of a photo's clean copy."""
    return f"files/{file_code}.jpg"


def _file_row(photo: Photo, clean: CleanPhoto, owner: Owner) -> FileRow:
    code = new_id("file")
    return FileRow(
        code=code,
        user_id=owner.user_id,
        create_by=owner.key_id,
        name=photo.name[:MAX_NAME_LENGTH],
        media_type=JPEG,
        size=len(clean.content),
        sha256=hashlib.sha256(clean.content).hexdigest(),
        key=photo_key(code),
        width=clean.width,
        height=clean.height,
    )


def _review_row(file: FileRow, clean: CleanPhoto) -> PhotoReviewRow:
    code = new_id("review")
    return PhotoReviewRow(
        code=code,
        user_id=file.user_id,
        create_by=file.create_by,
        job_code="",
        file_code=file.code,
        name=file.name,
        ori_img_url=f"/api/photo-reviews/{code}/photo",
        width=clean.width,
        height=clean.height,
    )
