"""Taking a job in: everything that can be known to be wrong is refused before anything is reserved."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final

from fastapi import Header
from sqlmodel.ext.asyncio.session import AsyncSession

from aijobs.adapters.webhooks.url_check import webhook_url_error
from aijobs.domain.catalogue import Model
from aijobs.domain.errors import FieldError, InvalidParameters, ModelNotConfigured, NotFound, UnknownModel
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.jobs.meaning import meaning_of
from aijobs.domain.jobs.parameters import FileInput, Parameters, check_parameters, uploads_in
from aijobs.domain.values.json_pointer import pointer
from aijobs.persistence.access.idempotency import Answer, IdempotencyClaim, claim, first_answer, settle
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.jobs.queries import brief_of, file_of
from aijobs.persistence.photo_reviews import review_of
from aijobs.persistence.tables import JobRow
from api.acting import checked_origin, parameters_for
from api.auth.caller import Caller
from api.dependencies import Parts
from api.schemas.job_responses import new_job_response

ACCEPTED: Final = 202

Companion = Callable[[AsyncSession, JobRow], Awaitable[None]]

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key and request again get the first answer again. Kept for 24 hours.",
    ),
]


async def take_in(
    parts: Parts, caller: Caller, request: JobRequest, idempotency_key: str | None, *, along: Companion | None = None
) -> Answer:
    """The answer to a request for a job: the first one, when the request is repeated. Raises BadInput and its kind.

    What is to be written `along` with the job stands or falls with it.
    """
    user_id = caller.acting_user(request.user_id)
    wanted = claim_of_job(parts, caller, user_id, idempotency_key, request)
    if wanted and (first := await answered(parts, wanted)):
        return first
    order = await _checked(parts, caller, request, user_id)

    async def accepted(session: AsyncSession) -> JobRow:
        job = await accept(session, order)
        if along is not None:
            await along(session, job)
        return job

    return await take_once(parts, wanted, accepted)


async def take_once(
    parts: Parts,
    wanted: IdempotencyClaim | None,
    make: Callable[[AsyncSession], Awaitable[JobRow]],
    *,
    answer_with: Callable[[JobRow], Answer] | None = None,
) -> Answer:
    """Make a job and start it, or give the first answer again: in one transaction, so that only one of two wins.

    The answer is the job itself, unless it is `answer_with` something else.
    """
    async with parts.database.write() as session:
        first = await claim(session, wanted) if wanted else None
        if first is not None:
            return first
        job = await make(session)
        answer = (answer_with or answer_for)(job)
        if wanted:
            await settle(session, wanted, answer)
    await parts.engine.start_or_leave(brief_of(job, parts.catalogue))
    return answer


async def answered(parts: Parts, wanted: IdempotencyClaim) -> Answer | None:
    """What was answered to the first such request: it need not be checked again."""
    async with parts.database.read() as session:
        return await first_answer(session, wanted)


def claim_of(
    caller: Caller, user_id: str, key: str | None, request: Any, *, meaning: str | None = None
) -> IdempotencyClaim | None:
    """What an idempotency key stands for; nothing without one. `request` is JSON."""
    if key is None:
        return None
    canonical = json.dumps(request, sort_keys=True)
    sha256 = hashlib.sha256(canonical.encode()).hexdigest()
    return IdempotencyClaim(owner=f"{caller.key_id}:{user_id}", key=key, request_sha256=sha256, meaning_sha256=meaning)


def claim_of_job(
    parts: Parts, caller: Caller, user_id: str, key: str | None, request: JobRequest
) -> IdempotencyClaim | None:
    """The same for a request for a job, which may be written in several ways."""
    meaning = _meaning(parts, request, user_id) if key is not None else None
    return claim_of(caller, user_id, key, request.model_dump(mode="json"), meaning=meaning)


def _meaning(parts: Parts, request: JobRequest, user_id: str) -> str | None:
    """Nothing of a request that makes no sense here and now: then only its wording can be compared."""
    try:
        model = _known(parts, request)
        parameters = parameters_for(parts, model, request.action)
        if parameters is None:
            return None
        params = check_parameters(model, parameters, request.params).model_dump(mode="json")
    except (InvalidParameters, UnknownModel):
        return None
    return meaning_of(request, params, kind=model.type, user_id=user_id)


def answer_for(job: JobRow) -> Answer:
    """202, where the new job is, and how it stands."""
    body = new_job_response(job).model_dump(mode="json")
    return Answer(status=ACCEPTED, location=f"/api/jobs/{job.code}", body=body)


async def _checked(parts: Parts, caller: Caller, request: JobRequest, user_id: str) -> Acceptance:
    model = _known(parts, request)
    parameters = parameters_for(parts, model, request.action)
    if parameters is None:
        raise ModelNotConfigured(f"{model.model_name} is not configured here: no key is set for {model.platform}.")
    _check_count(request, model)
    _check_callback(parts, request)
    checked = check_parameters(model, parameters, request.params)
    params = checked.model_dump(mode="json")
    await _check_files(parts, parameters, params, user_id)
    await _check_review(parts, request, user_id)
    origin = await checked_origin(parts, request, model, checked, user_id=user_id)
    return Acceptance(
        user_id=user_id,
        request=request,
        model=model,
        params=params,
        created_by=caller.key_id,
        daily_limit=parts.daily_limit,
        origin=origin,
    )


def _known(parts: Parts, request: JobRequest) -> Model:
    try:
        return parts.catalogue.model(request.model_id)
    except UnknownModel as unknown:
        where = FieldError("/model_id", "There is no such model. GET /api/models lists them.")
        raise UnknownModel("There is no such model.", where) from unknown


def _check_count(request: JobRequest, model: Model) -> None:
    if request.output_count > model.max_output_count:
        most = FieldError("/output_count", f"{model.model_name} makes at most {model.max_output_count}.")
        raise InvalidParameters("Too many outputs.", most)


def _check_callback(parts: Parts, request: JobRequest) -> None:
    if request.callback_url is not None and (
        complaint := webhook_url_error(request.callback_url, parts.webhooks.trusted)
    ):
        raise InvalidParameters("Nobody can be called back there.", FieldError("/callback_url", complaint))


async def _check_files(parts: Parts, parameters: type[Parameters], params: Mapping[str, Any], user_id: str) -> None:
    """Uploads that are named must be there, the user's, and of the right kind."""
    named = list(uploads_in(params, parameters.file_fields()))
    if not named:
        return
    async with parts.database.read() as session:
        complaints = {where: await _complaint(session, code, mark, user_id) for where, code, mark in named}
    wrong = [FieldError(pointer("params", *where), complaint) for where, complaint in complaints.items() if complaint]
    if wrong:
        raise InvalidParameters("A file cannot be used.", *wrong)


async def _check_review(parts: Parts, request: JobRequest, user_id: str) -> None:
    """A photo review that is named must be there, and the user's."""
    code = request.photo_review_analysis_code
    if code is None:
        return
    try:
        async with parts.database.read() as session:
            await review_of(session, code, user_id=user_id)
    except NotFound as missing:
        where = FieldError("/photo_review_analysis_code", "There is no such photo review of this user.")
        raise InvalidParameters("A photo review cannot be used.", where) from missing


async def _complaint(session: AsyncSession, code: str, mark: FileInput, user_id: str) -> str | None:
    try:
        file = await file_of(session, code, user_id=user_id)
    except NotFound:
        return "There is no such file of this user."
    if not mark.takes(file.media_type):
        return f"This must be a file of the kind {mark.media}."
    return None
