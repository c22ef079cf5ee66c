"""The other shape of answers, which clients of the upload of templates rely on: `{"code", "message", "data"}`."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from itertools import islice
from typing import Final

from fastapi.responses import JSONResponse

from aijobs.domain.errors import FieldError
from api.checked_route import CallerFirstRoute

MAX_TOLD: Final = 5  #: wrong fields that one message names
NOT_NOW: Final = "This cannot be done now. Try again later."


class LegacyEnvelopeRoute(CallerFirstRoute):
    """A route whose errors have this shape too; the one door for errors knows it by this class."""


def legacy_envelope(
    status: int, detail: str, fields: Iterable[FieldError], headers: Mapping[str, str] | None
) -> JSONResponse:
    """An error: its HTTP status and the problem with the request; internal errors are not described."""
    message = NOT_NOW if status >= HTTPStatus.INTERNAL_SERVER_ERROR else " ".join([detail, *_messages(fields)])
    return JSONResponse({"code": status, "message": message}, status, headers)


def _messages(fields: Iterable[FieldError]) -> Iterable[str]:
    return (field.message for field in islice(fields, MAX_TOLD))
