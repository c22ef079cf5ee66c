"""Errors as RFC 9457 problems: the one table of statuses, and the exception handlers."""

import math
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import Scope

from aijobs.domain import errors
from aijobs.domain.errors import (
    AijobsError,
    BadInput,
    DatabaseUnavailable,
    FieldError,
    NoRoom,
    NotReady,
    TransientError,
)
from aijobs.domain.values.json_pointer import pointer
from api.connections.middleware import HEADERS, REQUEST_ID, RETRY_AFTER_SECONDS, request_id_of, with_new_id
from api.legacy_envelope import LegacyEnvelopeRoute, legacy_envelope

MEDIA_TYPE: Final = "application/problem+json"
MAX_ERRORS: Final = 20  #: fields that one problem lists
MAX_POINTER_LENGTH: Final = 200
MAX_TEXT_LENGTH: Final = 1000  #: of one sentence in a response

#: The HTTP status of each error. An error that is not listed has the status of its nearest ancestor.
STATUS_OF: Final[Mapping[type[AijobsError], HTTPStatus]] = {
    errors.BadInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidParameters: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NoTableHeader: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.UnknownModel: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ModelNotConfigured: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ModelRetired: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ModelCannotBeautify: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.UnreadableFile: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.FileTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.TooExpensive: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    errors.CredentialExpired: HTTPStatus.UNAUTHORIZED,
    errors.NotAllowed: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.UnknownJob: HTTPStatus.NOT_FOUND,
    errors.JobIsFinal: HTTPStatus.CONFLICT,
    errors.BatchIsFinal: HTTPStatus.CONFLICT,
    errors.CancelRequested: HTTPStatus.CONFLICT,
    errors.DeadlinePassed: HTTPStatus.CONFLICT,
    errors.JobExpired: HTTPStatus.CONFLICT,
    errors.CannotRotate: HTTPStatus.CONFLICT,
    errors.AlreadyPaused: HTTPStatus.CONFLICT,
    errors.StillInUse: HTTPStatus.CONFLICT,
    errors.AlreadyHeld: HTTPStatus.CONFLICT,
    errors.OnLegalHold: HTTPStatus.CONFLICT,
    errors.IdempotencyMismatch: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.IdempotencyInFlight: HTTPStatus.CONFLICT,
    errors.PointsExhausted: HTTPStatus.PAYMENT_REQUIRED,
    errors.SubmissionExists: HTTPStatus.CONFLICT,
    errors.SubmissionForgotten: HTTPStatus.CONFLICT,
    errors.IllegalMove: HTTPStatus.CONFLICT,
    errors.CannotRerun: HTTPStatus.CONFLICT,
    errors.PhotoCannotBeBeautified: HTTPStatus.CONFLICT,
    errors.PhotoIsBeingBeautified: HTTPStatus.CONFLICT,
    errors.NothingHeld: HTTPStatus.CONFLICT,
    errors.NothingToReview: HTTPStatus.CONFLICT,
    errors.ProviderFailed: HTTPStatus.BAD_GATEWAY,
    errors.ProviderRejected: HTTPStatus.BAD_GATEWAY,
    errors.ProviderBlocked: HTTPStatus.BAD_GATEWAY,
    errors.SubmissionLost: HTTPStatus.BAD_GATEWAY,
    errors.SubmissionVoided: HTTPStatus.BAD_GATEWAY,
    errors.AnswerRefused: HTTPStatus.BAD_GATEWAY,
    errors.AnswerUnusable: HTTPStatus.BAD_GATEWAY,
    errors.OutputRefused: HTTPStatus.BAD_GATEWAY,
    errors.AddressRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.PayloadUnreadable: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.EndpointDisabled: HTTPStatus.CONFLICT,
    errors.TooManyEndpoints: HTTPStatus.CONFLICT,
    errors.WebhookGivenUp: HTTPStatus.BAD_GATEWAY,
    errors.WebhookNotTaken: HTTPStatus.BAD_GATEWAY,
    errors.ProviderUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.AnswerLost: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.SlotAwaited: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.TemporalUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.TemporalMisconfigured: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.NamespaceTaken: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DatabaseUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.SchemaMismatch: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.NotReady: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Overtaken: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.TooManyStreams: HTTPStatus.TOO_MANY_REQUESTS,
    errors.TooManyWrongKeys: HTTPStatus.TOO_MANY_REQUESTS,
    errors.RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    errors.TooBusy: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.NoRoom: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.LinkExpired: HTTPStatus.BAD_GATEWAY,
    errors.DownloadInterrupted: HTTPStatus.BAD_GATEWAY,
    errors.HostUnreachable: HTTPStatus.BAD_GATEWAY,
    errors.StoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.PermanentError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.TransientError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.AijobsError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

#: Codes of errors that the framework raises; any other status has its own name as the code.
CODE_OF: Final[Mapping[int, str]] = {
    413: "body_too_large",
    422: "invalid_parameters",
    431: "header_too_large",
    500: "internal_error",
    503: "too_busy",
}

#: Methods that a route may have. OPTIONS is handled for CORS only, before routing.
METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")

log = structlog.get_logger()


class FieldProblem(BaseModel):
    """One wrong field. `pointer` is a JSON pointer into the body; `/query/…`, `/header/…` and `/path/…` lie outside."""

    pointer: str = Field(examples=["/params/upscale_factor"])
    message: str


class Problem(BaseModel):
    """RFC 9457. `code` is stable and meant for programs, `detail` for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldProblem] = Field(description=f"The first {MAX_ERRORS} fields that are wrong.")
    errors_total: int = Field(description="How many fields are wrong.")


class UnreadableBody(HTTPException):
    """The body is not JSON that we accept. The error never repeats the body."""

    def __init__(self, detail: str) -> None:
        super().__init__(HTTPStatus.BAD_REQUEST, detail)


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error responses in a route's OpenAPI documentation."""
    always = {422, 429, 500} if HTTPStatus.UNAUTHORIZED in statuses else {422, 500}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": _SCHEMA}}}
        for status in sorted({*statuses, *always})
    }


_SCHEMA: Final = {"$ref": "#/components/schemas/Problem"}


def status_of(error: type[AijobsError]) -> HTTPStatus:
    return next(STATUS_OF[ancestor] for ancestor in error.__mro__ if ancestor in STATUS_OF)


def problem_response(
    base_url: str,
    scope: Scope,
    status: int,
    detail: str,
    *,
    code: str | None = None,
    fields: Iterable[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An error response of bounded size. The type is `<base_url>/problems/<code>`."""
    if isinstance(scope.get("route"), LegacyEnvelopeRoute):
        return legacy_envelope(status, detail[:MAX_TEXT_LENGTH], fields, headers)
    code = code or CODE_OF.get(status) or HTTPStatus(status).name.lower()
    field_errors = list(fields)
    document = Problem(
        type=f"{base_url}/problems/{code}",
        title=code.replace("_", " ").capitalize(),
        status=status,
        detail=detail[:MAX_TEXT_LENGTH],
        code=code,
        request_id=request_id_of(scope),
        errors=[
            FieldProblem(pointer=field.pointer[:MAX_POINTER_LENGTH], message=field.message[:MAX_TEXT_LENGTH])
            for field in field_errors[:MAX_ERRORS]
        ],
        errors_total=len(field_errors),
    )
    return JSONResponse(document.model_dump(), status, headers, media_type=MEDIA_TYPE)


def connection_problem(base_url: str, status: HTTPStatus, detail: str) -> JSONResponse:
    """The response when a connection is refused before there is a request."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    scope: Scope = {}
    response = problem_response(base_url, with_new_id(scope), status, detail, headers={**HEADERS, **headers})
    response.headers[REQUEST_ID] = request_id_of(scope)
    return response


def add_problem_handlers(app: FastAPI, *, base_url: str) -> None:
    """Turn every error of the app into a problem response."""
    app.add_exception_handler(ClientDisconnect, _client_disconnected)

    def problem(request: Request, status: int, detail: str, **more: Any) -> JSONResponse:
        return problem_response(base_url, request.scope, status, detail, **more)

    @app.exception_handler(AijobsError)
    async def aijobs_error(request: Request, error: AijobsError) -> JSONResponse:
        return _error_response(base_url, request, error)

    @app.exception_handler(OSError)
    async def host_error(request: Request, error: OSError) -> JSONResponse:
        return _error_response(base_url, request, _no_room_or_raise(error))

    @app.exception_handler(RequestValidationError)
    async def validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
        fields = [FieldError(_pointer(item["loc"]), item["msg"]) for item in error.errors()]
        return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not as it should be.", fields=fields)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        code = "invalid_json" if isinstance(error, UnreadableBody) else None
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(methods_of(app, request.scope))
        return problem(request, error.status_code, error.detail, code=code, headers=headers)

    @app.exception_handler(Exception)
    async def unexpected_error(request: Request, error: Exception) -> JSONResponse:
        log.error("request_failed", request=request_id_of(request.scope), error=type(error).__name__)
        return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here. It has been noted.")


def _error_response(base_url: str, request: Request, error: AijobsError) -> JSONResponse:
    if isinstance(error, DatabaseUnavailable):
        log.error("database_unavailable", reason=str(error))
    status = status_of(type(error))
    return problem_response(
        base_url,
        request.scope,
        status,
        str(error),
        code=error.code,
        fields=_fields_of(error),
        headers=headers_of(error, status),
    )


def _no_room_or_raise(error: OSError) -> NoRoom:
    no_room = NoRoom.of(error)
    if no_room is None:
        raise error
    log.error("no_room", reason=str(no_room))
    return no_room


def _fields_of(error: AijobsError) -> Sequence[FieldError]:
    return error.fields if isinstance(error, BadInput | NotReady) else ()


async def _client_disconnected(_request: Request, _error: Exception) -> Response:
    return Response(status_code=HTTPStatus.BAD_REQUEST)  # never sent: the client is gone


def methods_of(app: FastAPI, scope: Scope) -> list[str]:
    """Every method that the path supports, over all routes that share it (RFC 9110, section 10.2.1)."""
    base_scope = {"type": "http", "path": scope["path"], "root_path": scope.get("root_path", ""), "headers": []}
    return [method for method in METHODS if _has_route(app, {**base_scope, "method": method})]


def _has_route(app: FastAPI, scope: Scope) -> bool:
    return any(route.matches(scope)[0] is Match.FULL for route in app.router.routes)


def _pointer(location: Sequence[str | int]) -> str:
    """The JSON pointer for a location of FastAPI's: `("body", "params")`, `("query", "limit")`."""
    return pointer(*(location[1:] if location[0] == "body" else location))


def headers_of(error: AijobsError, status: HTTPStatus) -> dict[str, str]:
    if isinstance(error, TransientError) and error.retry_after is not None:
        return {"Retry-After": str(math.ceil(error.retry_after.total_seconds()))}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return {"Retry-After": str(RETRY_AFTER_SECONDS)}
    if status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": "Bearer"}
    return {}
