"""Taking a photo in to be reviewed, and having it beautified: both end in a job like any other."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlmodel.ext.asyncio.session import AsyncSession

from aijobs.adapters.media.photo_cleaning import CleanPhoto, clean_photo
from aijobs.domain.catalogue import Model
from aijobs.domain.errors import (
    AijobsError,
    FieldError,
    FileTooLarge,
    InvalidParameters,
    ModelCannotBeautify,
    ModelNotConfigured,
    NotFound,
    StoreUnavailable,
    UnknownModel,
)
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.jobs.meaning import digest_of
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.photos import REVIEW_MODEL
from aijobs.domain.values.ids import new_id
from aijobs.persistence.access.idempotency import Answer, IdempotencyClaim
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.jobs.queries import file_of
from aijobs.persistence.jobs.write_intents import begin_write, finish_write
from aijobs.persistence.photo_reviews import begin_beautify, require_beautifiable, review_of
from aijobs.persistence.tables import FileRow, JobRow, PhotoReviewRow
from api.accepting import ACCEPTED, answered, claim_of, claim_of_job, take_in, take_once
from api.auth.caller import Caller
from api.dependencies import Parts
from api.schemas.photo_responses import JPEG, photo_key
from api.schemas.photos import PHOTO, BeautifyRequest, ReviewRequest
from api.uploading import MAX_NAME_LENGTH, Upload, check_size

IMAGE: Final = "image"


@dataclass(frozen=True, kw_only=True)
class Photo:
    """What is to be reviewed: a file that has just come in, or the content of one that came before."""

    name: str
    content: Path | bytes


async def review_upload(parts: Parts, caller: Caller, upload: Upload, idempotency_key: str | None) -> Answer:
    """The answer to a photo: the first one, when it is sent again. Raises UnreadableFile and FileTooLarge."""
    check_size(parts, upload)
    user_id = caller.acting_user(upload.user_id)
    wanted = claim_of(caller, user_id, idempotency_key, {PHOTO: upload.sha256, "name": upload.name})
    if wanted and (first := await answered(parts, wanted)):
        return first
    return await _reviewed(parts, caller, Photo(name=upload.name, content=upload.path), user_id, wanted)


async def review_file(parts: Parts, caller: Caller, request: ReviewRequest, idempotency_key: str | None) -> Answer:
    """The same for a photo that was uploaded before, of which a clean copy is made. Raises InvalidParameters too."""
    user_id = caller.acting_user(request.user_id)
    meaning = digest_of(request.model_dump(mode="json", exclude={"user_id"}))
    wanted = claim_of(caller, user_id, idempotency_key, request.model_dump(mode="json"), meaning=meaning)
    if wanted and (first := await answered(parts, wanted)):
        return first
    try:
        async with parts.database.read() as session:
            file = await file_of(session, request.file, user_id=user_id)
    except NotFound as missing:
        where = FieldError("/file", "There is no such file of this user.")
        raise InvalidParameters("A file cannot be used.", where) from missing
    if file.size > parts.settings.max_upload_bytes:
        raise FileTooLarge(f"The file has {file.size} bytes; {parts.settings.max_upload_bytes} is the most.")
    content = b"".join([chunk async for chunk in parts.store.read(file.key)])
    return await _reviewed(parts, caller, Photo(name=file.name, content=content), user_id, wanted)


async def _reviewed(
    parts: Parts, caller: Caller, photo: Photo, user_id: str, wanted: IdempotencyClaim | None
) -> Answer:
    """The copy is stored first. Its row, the review, the job and its points are one transaction, or nothing is kept."""
    model = _review_model(parts)
    async with parts.photo_turns:
        clean = await asyncio.to_thread(clean_photo, photo.content)
    file = _file_row(photo, clean, user_id=user_id, created_by=caller.key_id)
    await _store(parts, file, clean)
    review = _review_row(file, clean)

    async def accepted(session: AsyncSession) -> JobRow:
        if not await finish_write(session, file.key):
            raise StoreUnavailable("Storing the photo took too long. Send it again.")
        request = JobRequest(
            model_id=model.model_id, params={IMAGE: file.code}, photo_review_analysis_code=review.code, user_id=user_id
        )
        order = Acceptance(
            user_id=user_id,
            request=request,
            model=model,
            params=request.params,
            created_by=caller.key_id,
            daily_limit=parts.daily_limit,
        )
        job = await accept(session, order)
        review.job_code = job.code
        session.add_all((file, review))
        await session.flush()
        return job

    try:
        return await take_once(parts, wanted, accepted, answer_with=_answer_for(review))
    except AijobsError:
        await parts.store.delete(file.key)
        await parts.records.housekeeping.forget_write(file.key)
        raise


def _answer_for(review: PhotoReviewRow) -> Callable[[JobRow], Answer]:
    """Only the code is kept for a repetition: what the review says then is looked up anew."""

    def answer(_job: JobRow) -> Answer:
        return Answer(status=ACCEPTED, location=f"/api/photo-reviews/{review.code}", body={"code": review.code})

    return answer


def _review_model(parts: Parts) -> Model:
    model = parts.catalogue.model(REVIEW_MODEL)
    if parts.adapter_of(model) is None:
        raise ModelNotConfigured(f"{model.model_name} is not configured here.")
    return model


async def _store(parts: Parts, file: FileRow, clean: CleanPhoto) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield clean.content

    async with parts.database.write() as session:
        await begin_write(session, file.key, job_code=None)
    await parts.store.put(file.key, chunks(), media_type=JPEG)


def _file_row(photo: Photo, clean: CleanPhoto, *, user_id: str, created_by: str) -> FileRow:
    code = new_id("file")
    return FileRow(
        code=code,
        user_id=user_id,
        create_by=created_by,
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


async def beautify(
    parts: Parts, caller: Caller, code: str, wish: BeautifyRequest, idempotency_key: str | None
) -> Answer:
    """A job that beautifies the photo, or the first answer again. What stands against it is looked for in this order:

    whose photo it is (NotFound), its ability (PhotoCannotBeBeautified, PhotoIsBeingBeautified), the model
    (UnknownModel, ModelNotConfigured, ModelCannotBeautify, InvalidParameters), and the points (PointsExhausted).
    """
    async with parts.database.read() as session:
        review = await review_of(session, code, user_id=caller.visible_user)
    request = _as_job(parts, review, wish)
    wanted = claim_of_job(parts, caller, caller.acting_user(review.user_id), idempotency_key, request)
    if wanted and (first := await answered(parts, wanted)):
        return first
    async with parts.database.read() as session:
        await require_beautifiable(session, review)
    _check_model(parts, wish)
    return await take_in(parts, caller, request, idempotency_key, along=begin_beautify)


def _as_job(parts: Parts, review: PhotoReviewRow, wish: BeautifyRequest) -> JobRequest:
    """The wish as an ordinary job, with the photo where the model takes one."""
    place = image_parameter(parts, wish.model_id)
    return JobRequest(
        model_id=wish.model_id,
        params=wish.params if place is None else {**wish.params, place: review.file_code},
        output_count=wish.output_count,
        photo_review_analysis_code=review.code,
        user_id=review.user_id,
    )


def beautifiers(parts: Parts) -> list[Model]:
    """The models that can beautify, and are configured here."""
    return [model for model in parts.catalogue if image_parameter(parts, model.model_id) is not None]


def image_parameter(parts: Parts, model_id: str) -> str | None:
    """Where a model that makes pictures takes one; nothing for every other model, and without its provider's key."""
    if model_id not in parts.catalogue:
        return None
    model = parts.catalogue.model(model_id)
    parameters = parts.parameters_of(model)
    if parameters is None or model.output_kind is not OutputKind.IMAGE:
        return None
    return next((name for name, mark in parameters.file_fields().items() if mark.media == IMAGE), None)


def _check_model(parts: Parts, wish: BeautifyRequest) -> None:
    place = image_parameter(parts, wish.model_id)
    if place is None:
        raise _refusal(parts, wish.model_id)
    if place in wish.params:
        own = FieldError(f"/params/{place}", "The photo is the review's own; leave this out.")
        raise InvalidParameters("Some parameters are wrong.", own)


def _refusal(parts: Parts, model_id: str) -> AijobsError:
    if model_id not in parts.catalogue:
        missing = FieldError("/model_id", "There is no such model. GET /api/models lists them.")
        return UnknownModel("There is no such model.", missing)
    model = parts.catalogue.model(model_id)
    if parts.adapter_of(model) is None:
        return ModelNotConfigured(f"{model.model_name} is not configured here: no key is set for {model.platform}.")
    listed = ", ".join(known.model_id for known in beautifiers(parts)) or "none is configured"
    unfit = FieldError("/model_id", f"{model.model_name} makes no picture of a photo. Those that do: {listed}.")
    return ModelCannotBeautify("This model cannot beautify a photo.", unfit)
