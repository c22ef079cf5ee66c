"""Accepting a job: the request is validated completely before points are reserved."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

from sqlmodel import Session

from aijobs.domain.catalogue import Model
from aijobs.domain.errors import FieldError, InvalidParameters, ModelNotConfigured, NotFound, UnknownModel
from aijobs.domain.jobs.events import rfc3339
from aijobs.domain.jobs.idempotent_meaning import meaning_of
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.jobs.parameters import FileInput, Parameters, check_parameters, uploads_in
from aijobs.domain.values.actors import Owner
from aijobs.domain.values.json_pointer import pointer
from aijobs.persistence.access.idempotency import IdempotencyClaim, Receipt
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.jobs import acceptance
from aijobs.persistence.jobs.acceptance import Acceptance
from aijobs.persistence.jobs.queries import file_of
from aijobs.persistence.photo_reviews import review_of
from aijobs.persistence.tables import JobRow
from aijobs.usecases.follow_up import checked_origin, parameters_for
from aijobs.usecases.idempotency import claim_for, first_receipt
from aijobs.usecases.models import AvailableModels
from aijobs.usecases.new_job import JobMaker

CLOCK_TOLERANCE: Final = timedelta(minutes=2)
"""A start that is so little in the past, by our clock, is a start now."""

LATEST_START: Final = timedelta(days=366)

InTransaction = Callable[[Session, JobRow], None]
"""Writes rows in the transaction that accepts the job: both are committed, or neither."""


@dataclass(frozen=True, kw_only=True)
class AcceptJob:
    """`webhook_url_error` says why webhooks cannot be sent to a URL; None when they can."""

    database: Database
    models: AvailableModels
    jobs: JobMaker
    daily_limit: int
    webhook_url_error: Callable[[str], str | None]

    async def __call__(
        self,
        request: JobRequest,
        owner: Owner,
        *,
        idempotency_key: str | None = None,
        in_transaction: InTransaction | None = None,
    ) -> Receipt:
        """The receipt of a new job, which is stored with its points reserved, and then started.

        A second call with the same key and request returns the first receipt. Raises BadInput and its subclasses,
        PointsExhausted, IdempotencyMismatch and IdempotencyInFlight, and what `in_transaction` raises.
        """
        await self.models.look_for(request.model_id)
        claim = self.claim(request, owner, idempotency_key)
        if first := await first_receipt(self.database, claim):
            return first
        order = await self._checked(request, owner)

        def accepted(session: Session) -> JobRow:
            job = acceptance.accept(session, order)
            if in_transaction is not None:
                in_transaction(session, job)
            return job

        return await self.jobs.make_once(claim, accepted)

    def claim(self, request: JobRequest, owner: Owner, idempotency_key: str | None) -> IdempotencyClaim | None:
        """The claim of an idempotency key, None without one. Equal requests have equal claims, in any notation."""
        meaning = partial(self._meaning, request, owner)
        return claim_for(owner, idempotency_key, request.model_dump(mode="json"), meaning=meaning)

    def _meaning(self, request: JobRequest, owner: Owner) -> str | None:
        """A digest of the validated request; None when it is invalid, so that only its text can be compared."""
        try:
            model = self.models.model(request.model_id)
            parameters = parameters_for(self.models, model, request.action)
            params = check_parameters(model, parameters, request.params).model_dump(mode="json")
        except (InvalidParameters, ModelNotConfigured, UnknownModel):
            return None
        return meaning_of(request, params, kind=model.type, user_id=owner.user_id)

    async def _checked(self, request: JobRequest, owner: Owner) -> Acceptance:
        model = self.models.model_on(request.model_id, now().date())
        parameters = parameters_for(self.models, model, request.action)
        _check_count(request, model)
        self._check_callback(request)
        _check_times(request)
        checked = check_parameters(model, parameters, request.params)
        params = checked.model_dump(mode="json")
        await self._check_files(parameters, params, owner.user_id)
        await self._check_review(request, owner.user_id)
        origin = await checked_origin(self.database, self.models, request, model, checked, user_id=owner.user_id)
        return Acceptance(
            user_id=owner.user_id,
            request=request,
            model=model,
            params=params,
            created_by=owner.key_id,
            daily_limit=self.daily_limit,
            origin=origin,
        )

    def _check_callback(self, request: JobRequest) -> None:
        if request.callback_url is not None and (problem := self.webhook_url_error(request.callback_url)):
            raise InvalidParameters("Nobody can be called back there.", FieldError("/callback_url", problem))

    async def _check_files(self, parameters: type[Parameters], params: Mapping[str, Any], user_id: str) -> None:
        """Raises InvalidParameters unless each upload in the parameters exists, and is the user's and of its kind."""
        uploads = list(uploads_in(params, parameters.file_fields()))
        if not uploads:
            return

        def work(session: Session) -> list[tuple[tuple[str | int, ...], str | None]]:
            return [(where, _file_problem(session, code, mark, user_id)) for where, code, mark in uploads]

        problems = await self.database.read(work)
        fields = [FieldError(pointer("params", *where), problem) for where, problem in problems if problem]
        if fields:
            raise InvalidParameters("A file cannot be used.", *fields)

    async def _check_review(self, request: JobRequest, user_id: str) -> None:
        """Raises InvalidParameters unless the request's photo review, if any, exists and is the user's."""
        code = request.photo_review_analysis_code
        if code is None:
            return
        try:
            await self.database.read(review_of, code, user_id=user_id)
        except NotFound as error:
            field = FieldError("/photo_review_analysis_code", "There is no such photo review of this user.")
            raise InvalidParameters("A photo review cannot be used.", field) from error


def _check_count(request: JobRequest, model: Model) -> None:
    if request.output_count > model.max_output_count:
        field = FieldError("/output_count", f"{model.model_name} makes at most {model.max_output_count}.")
        raise InvalidParameters("Too many outputs.", field)


def _check_times(request: JobRequest) -> None:
    """Raises InvalidParameters for times that have passed, that come in the wrong order, or in too many days."""
    at = now()
    fields = [
        FieldError(f"/{name}", f"At most {LATEST_START.days} days ahead.")
        for name in ("start_at", "expires_at")
        if (moment := getattr(request, name)) is not None and moment > at + LATEST_START
    ]
    if request.start_at is not None and request.start_at < at - CLOCK_TOLERANCE:
        fields.append(FieldError("/start_at", f"It has passed: it is {rfc3339(at)} here."))
    if request.expires_at is not None and request.expires_at <= max(at, request.start_at or at):
        problem = "It must be after start_at." if request.start_at else f"It has passed: it is {rfc3339(at)} here."
        fields.append(FieldError("/expires_at", problem))
    if fields:
        raise InvalidParameters("The job cannot be scheduled so.", *fields)


def _file_problem(session: Session, code: str, mark: FileInput, user_id: str) -> str | None:
    try:
        file = file_of(session, code, user_id=user_id)
    except NotFound:
        return "There is no such file of this user."
    if not mark.takes(file.media_type):
        return f"This must be a file of the kind {mark.media}."
    return None
