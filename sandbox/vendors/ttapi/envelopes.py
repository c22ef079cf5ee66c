"""TTAPI's response format: an envelope of status, message and data, for every HTTP status."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import JSONResponse

from sandbox.call import Refusal

BAD_REQUEST: Final = 400
QUEUE_EXHAUSTED: Final = 499

MESSAGES: Final[Mapping[int, str]] = {
    400: "Bad request.",
    401: "Invalid TT-API-KEY.",
    402: "Insufficient quota.",
    404: "job not found",
    429: "Too many requests.",
    499: "The queue is exhausted. Please try again later.",
    500: "Internal server error.",
    503: "Service unavailable.",
    504: "Gateway timeout.",
}
DEFAULT_MESSAGE: Final = "Something went wrong."


def envelope(data: object, *, message: str = "success") -> dict[str, Any]:
    return {"status": "SUCCESS", "message": message, "data": data}


def failure(message: str) -> dict[str, Any]:
    return {"status": "FAILED", "message": message, "data": None}


def error_response(status: int, headers: Mapping[str, str]) -> JSONResponse:
    """The error of an armed fault. TTAPI has no 422: an invalid parameter is 400."""
    sent_status = BAD_REQUEST if status == 422 else status
    return JSONResponse(failure(MESSAGES.get(sent_status, DEFAULT_MESSAGE)), sent_status, headers)


def refusal(status: int, message: str | None = None) -> Refusal:
    return Refusal(JSONResponse(failure(message or MESSAGES[status]), status))
