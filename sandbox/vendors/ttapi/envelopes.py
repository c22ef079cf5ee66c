"""TTAPI's answers: an envelope of status, message and data, whatever HTTP says."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import JSONResponse

from sandbox.call import Refusal

BAD_REQUEST: Final = 400
QUEUE_EXHAUSTED: Final = 499

WORDS: Final[Mapping[int, str]] = {
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
UNSAID: Final = "Something went wrong."


def envelope(data: object, *, message: str = "success") -> dict[str, Any]:
    return {"status": "SUCCESS", "message": message, "data": data}


def failure(message: str) -> dict[str, Any]:
    return {"status": "FAILED", "message": message, "data": None}


def complain(status: int, headers: Mapping[str, str]) -> JSONResponse:
    """An error that a fault asked for. TTAPI knows no 422: a bad parameter is 400."""
    spoken = BAD_REQUEST if status == 422 else status
    return JSONResponse(failure(WORDS.get(spoken, UNSAID)), spoken, headers)


def refusal(status: int, message: str | None = None) -> Refusal:
    return Refusal(JSONResponse(failure(message or WORDS[status]), status))
