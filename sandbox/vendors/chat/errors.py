"""OpenAI's errors: `{"error": {message, type, param, code}}`, all four keys always present."""

from collections.abc import Mapping
from typing import Final

from starlette.responses import JSONResponse

from sandbox.call import Refusal

#: status → (type, code, message)
ERRORS: Final[Mapping[int, tuple[str, str | None, str]]] = {
    400: ("invalid_request_error", None, "The request is not valid."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided: {key}."),
    402: ("insufficient_balance", "insufficient_balance", "Insufficient balance."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    422: ("invalid_request_error", None, "The request could not be processed."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
}
SERVER_ERROR: Final = "The server had an error while processing your request. Sorry about that!"
DEFAULT_ERROR: Final = ("server_error", None, SERVER_ERROR)
QUOTA: Final = "You exceeded your current quota, please check your plan and billing details."


def openai_error(
    status: int,
    headers: Mapping[str, str] | None = None,
    *,
    message: str | None = None,
    param: str | None = None,
    code: str | None = None,
) -> JSONResponse:
    kind, default_code, default_message = ERRORS.get(status, DEFAULT_ERROR)
    error = {"message": message or default_message, "type": kind, "param": param, "code": code or default_code}
    return JSONResponse({"error": error}, status, headers)


def error_response(status: int, headers: Mapping[str, str]) -> JSONResponse:
    """The error of an armed fault."""
    return openai_error(status, headers)


def wrong_key(key: str) -> Refusal:
    """OpenAI quotes the end of the key; this quotes all of it, so that tests notice a client that passes it on."""
    return Refusal(openai_error(401, message=ERRORS[401][2].format(key=key)))


def no_quota() -> Refusal:
    return Refusal(openai_error(429, message=QUOTA, code="insufficient_quota"))


def invalid(param: str, message: str) -> Refusal:
    return Refusal(openai_error(400, message=message, param=param))
