"""The response shape that clients of the template upload rely on: `{"code", "message", "data"}`."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from itertools import islice
from typing import Final

from fastapi.responses import JSONResponse

from aijobs.domain.errors import FieldError
from api.checked_route import CallerFirstRoute

MAX_MESSAGES: Final = 5  #: of fields, in one response
UNAVAILABLE_MESSAGE: Final = "This cannot be done now. Try again later."


class LegacyEnvelopeRoute(CallerFirstRoute):
    """A route whose errors have this shape too; `api.problems` recognizes it by this class."""


def legacy_envelope(
    status: int, detail: str, fields: Iterable[FieldError], headers: Mapping[str, str] | None
) -> JSONResponse:
    """An error response: the HTTP status, and what is wrong with the request. Internal errors are not described."""
    message = (
        UNAVAILABLE_MESSAGE if status >= HTTPStatus.INTERNAL_SERVER_ERROR else " ".join([detail, *_messages(fields)])
    )
    return JSONResponse({"code": status, "message": message}, status, headers)


def _messages(fields: Iterable[FieldError]) -> Iterable[str]:
    return (field.message for field in islice(fields, MAX_MESSAGES))
