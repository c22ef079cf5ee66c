"""OpenAI's errors: `{"error": {message, type, param, code}}`, all four keys always there."""

from collections.abc import Mapping
from typing import Final

from starlette.responses import JSONResponse

from sandbox.call import Refusal

#: status → (type, code, message)
WORDS: Final[Mapping[int, tuple[str, str | None, str]]] = {
    400: ("invalid_request_error", None, "The request is not valid."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided: {key}."),
    402: ("insufficient_balance", "insufficient_balance", "Insufficient balance."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    422: ("invalid_request_error", None, "The request could not be processed."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
}
UNSAID: Final = ("server_error", None, "The server had an error while processing your request. Sorry about that!")
QUOTA: Final = "You exceeded your current quota, please check your plan and billing details."


def problem(
    status: int,
    headers: Mapping[str, str] | None = None,
    *,
    message: str | None = None,
    param: str | None = None,
    code: str | None = None,
) -> JSONResponse:
    kind, usual_code, usual = WORDS.get(status, UNSAID)
    error = {"message": message or usual, "type": kind, "param": param, "code": code or usual_code}
    return JSONResponse({"error": error}, status, headers)


def complain(status: int, headers: Mapping[str, str]) -> JSONResponse:
    """An error that a fault asked for."""
    return problem(status, headers)


def wrong_key(key: str) -> Refusal:
    """The real one quotes the key's end; this one quotes all of it, so that a client which passes it on is noticed."""
    return Refusal(problem(401, message=WORDS[401][2].format(key=key)))


def no_quota() -> Refusal:
    return Refusal(problem(429, message=QUOTA, code="insufficient_quota"))


def invalid(param: str, message: str) -> Refusal:
    return Refusal(problem(400, message=message, param=param))
