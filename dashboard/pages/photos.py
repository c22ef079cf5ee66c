"""Photos: a gallery with an upload form, and a page for each photo with its review and beautified versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from sqlmodel import Session

from aijobs.domain.errors import (
    AijobsError,
    BadInput,
    IdempotencyInFlight,
    IdempotencyMismatch,
    PhotoIsBeingBeautified,
    PointsExhausted,
    TooBusy,
)
from aijobs.domain.photos import Analysis
from aijobs.domain.values.scopes import Scope
from aijobs.persistence.access.keys import KeyKind
from aijobs.persistence.photo_reviews import beautified_of, jobs_of, review_of, reviews_page
from aijobs.persistence.tables import JobRow, OutputRow, PhotoBeautifyRow, PhotoReviewRow
from aijobs.usecases.beautify_photo import BeautifyRequest, beautifiers, image_parameter
from aijobs.usecases.models import AvailableModels
from aijobs.usecases.review_photo import photo_key
from api.auth.caller import Submitter, Writer
from api.auth.named_users import USER_FIELD
from api.dependencies import Beautify, Models, Pictures, Review
from api.problems import status_of
from api.requests.paths import ReviewCode
from api.requests.uploads import upload_form
from api.schemas.jobs import CatalogueEntry
from api.schemas.model_responses import model_response
from api.schemas.photos import PHOTO
from dashboard.forms.form_errors import messages_of
from dashboard.forms.parameters.schema_form import FormField, fields_of, in_words, parameters_of
from dashboard.forms.sent_form import KEY, SentForm, form_key
from dashboard.page import PageRequest, PageRoute, Visiting, go_to
from dashboard.pages.score_chart import corners_of, scores_of
from dashboard.thumbnails import CACHE_CONTROL

PAGE: Final = 24
MAX_SHOWN: Final = 50  #: beautified photos on one page
THUMBNAIL_SIDE: Final = 480  #: pixels of a photo in the gallery
MAX_FIELDS: Final = 200
FIRST_MODEL: Final = "replicate_imageupscale_v1"

#: Errors that are shown above the form.
FORM_ERRORS: Final = (
    BadInput,
    PointsExhausted,
    IdempotencyMismatch,
    IdempotencyInFlight,
    PhotoIsBeingBeautified,
    TooBusy,
)

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class PhotoView:
    """One photo: its review, its jobs, and their outputs."""

    review: PhotoReviewRow
    jobs: Sequence[JobRow]
    beautified: Sequence[tuple[PhotoBeautifyRow, OutputRow]]

    @property
    def analysis(self) -> Analysis | None:
        return Analysis.model_validate(self.review.analysis) if self.review.analysis else None

    @property
    def reviewing(self) -> JobRow | None:
        return self._job(self.review.job_code)

    @property
    def beautifying(self) -> JobRow | None:
        return self._job(self.review.beautify_job_code)

    @property
    def running(self) -> list[JobRow]:
        return [job for job in self.jobs if not job.job_status.is_final]

    @property
    def can_begin(self) -> bool:
        job = self.beautifying
        return self.review.beautify_ability and (job is None or job.job_status.is_final)

    def _job(self, code: str | None) -> JobRow | None:
        return next((job for job in self.jobs if job.code == code), None)


@router.get("/photos")
async def show_gallery(visit: Visiting, cursor: Annotated[str, Query(max_length=100)] = "") -> HTMLResponse:
    return await _gallery(visit, cursor=cursor)


@router.post("/photos")
async def upload(request: Request, visit: Visiting, caller: Submitter, review: Review) -> Response:
    """Shows the photo. The form has an idempotency key: sent twice, it makes one review."""
    fields: Mapping[str, str] = {}
    try:
        async with upload_form(request, field=PHOTO) as form:
            fields = form.fields
            owner = caller.owner(form.user_id)
            receipt = await review.upload(form.upload, owner, idempotency_key=form.idempotency_key)
    except FORM_ERRORS as refused:
        return await _gallery(visit, sent=fields, refused=refused)
    return go_to(f"/photos/{receipt.code}")


async def _gallery(
    visit: PageRequest, *, cursor: str = "", sent: Mapping[str, str] | None = None, refused: AijobsError | None = None
) -> HTMLResponse:
    rows, has_more = await visit.database.snapshot(
        reviews_page, user_id=visit.caller.visible_user, before=cursor or None, limit=PAGE
    )
    return await visit.page(
        "photos.html",
        status=status_of(type(refused)) if refused else HTTPStatus.OK,
        current="photos",
        reviews=[(row, (row.analysis or {}).get("overall")) for row in rows],
        next_page=rows[-1].code if has_more else None,
        is_first=not cursor,
        refused=messages_of(refused, visit.words, named=True),
        key=form_key((sent or {}).get(KEY, ""), refused),
        for_whom=(sent or {}).get(USER_FIELD, ""),
        may_upload=visit.may(Scope.JOBS_WRITE) and visit.may(Scope.FILES_WRITE),
        asks_for_user=visit.caller.kind is KeyKind.SERVICE and visit.caller.visible_user is None,
    )


@router.get("/photos/{code}")
async def show_photo(code: ReviewCode, visit: Visiting, models: Models, model: str = FIRST_MODEL) -> HTMLResponse:
    return await visit.page("photo.html", **await _context(visit, models, code, model))


@router.get("/photos/{code}/live")
async def repaint_photo(code: ReviewCode, visit: Visiting, models: Models, model: str = FIRST_MODEL) -> HTMLResponse:
    """The part of the page that changes while a job runs."""
    return await visit.page("pieces/photo.html", **await _context(visit, models, code, model))


@router.post("/photos/{code}/beautify")
async def begin_beautifying(
    request: Request, code: ReviewCode, visit: Visiting, models: Models, caller: Writer, beautify: Beautify
) -> Response:
    async with request.form(max_files=0, max_fields=MAX_FIELDS) as form:
        sent = SentForm.of(form)
    model_id = sent.text("model_id")
    entry = _entry(models, model_id)
    params = parameters_of(entry.parameters or {}, sent) if entry else {}
    beautify_request = BeautifyRequest(model_id=model_id[:100], params=params)
    try:
        await beautify(code, beautify_request, caller.actor, idempotency_key=sent.text(KEY) or None)
    except FORM_ERRORS as refused:
        context = await _context(visit, models, code, model_id, sent=sent, refused=refused)
        return await visit.page("photo.html", status=status_of(type(refused)), **context)
    return go_to(f"/photos/{code}")


@router.get("/photos/{code}/small")
async def small(code: ReviewCode, visit: Visiting, pictures: Pictures) -> Response:
    """A thumbnail for the gallery. A photo never changes, so browsers may cache it."""
    review = await visit.database.read(review_of, code, user_id=visit.caller.visible_user)
    thumbnail = await pictures.thumbnail(visit.store.read(photo_key(review.file_code)), THUMBNAIL_SIDE)
    return Response(thumbnail, media_type="image/webp", headers={"Cache-Control": CACHE_CONTROL})


async def _context(
    visit: PageRequest,
    models: AvailableModels,
    code: str,
    model_id: str,
    *,
    sent: SentForm | None = None,
    refused: AijobsError | None = None,
) -> dict[str, Any]:
    view = await _load_view(visit, code)
    entry = _entry(models, model_id) or _entry(models, FIRST_MODEL)
    codes = [("code", job.code) for job in view.running]
    analysis = view.analysis
    return {
        "current": "photos",
        "view": view,
        "review": view.review,
        "analysis": analysis,
        "scores": scores_of(analysis) if analysis else [],
        "corners": corners_of(analysis) if analysis else "",
        "beautified": view.beautified,
        "stream": f"/api/events?{urlencode(codes)}" if codes else None,
        "models": beautifiers(models),
        "entry": entry,
        "fields": in_words(_fields(models, entry, sent), visit.words) if entry else [],
        "refused": messages_of(refused, visit.words, named=True),
        "field_errors": {},
        "key": form_key(sent.text(KEY) if sent else "", refused),
    }


async def _load_view(visit: PageRequest, code: str) -> PhotoView:
    def work(session: Session) -> PhotoView:
        review = review_of(session, code, user_id=visit.caller.visible_user)
        beautified, _ = beautified_of(session, code, after=0, limit=MAX_SHOWN)
        return PhotoView(review=review, jobs=jobs_of(session, review), beautified=beautified)

    return await visit.database.read(work)


def _entry(models: AvailableModels, model_id: str) -> CatalogueEntry | None:
    """The model, if it can beautify a photo, else None."""
    if image_parameter(models, model_id) is None:
        return None
    return model_response(models, models.model(model_id))


def _fields(models: AvailableModels, entry: CatalogueEntry, sent: SentForm | None) -> list[FormField]:
    """The model's parameters, without the photo itself."""
    photo_parameter = image_parameter(models, entry.model_id)
    return [field for field in fields_of(entry.parameters or {}, sent) if field.name != photo_parameter]
