"""Replicate's errors: `application/problem+json`, with the texts of the real API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import JSONResponse

from sandbox.call import Refusal

NO_CREDIT: Final = (
    "You have insufficient credit to run this model. Go to https://replicate.com/account/billing#billing to purchase "
    "credit. Once you purchase credit, please wait a few minutes before trying again."
)
ERRORS: Final[Mapping[int, tuple[str, str]]] = {
    401: ("Unauthenticated", "You did not pass a valid authentication token"),
    402: ("Insufficient credit", NO_CREDIT),
    404: ("Not found", "The requested resource could not be found."),
    409: ("Conflict", "The prediction cannot be changed now."),
    413: ("Payload too large", "Files must be less than 100MB in size"),
    422: ("Invalid input", "The request could not be processed."),
    503: ("Service unavailable", "Replicate is having an outage. Please try again later."),
}
DEFAULT_ERROR: Final = ("Internal server error", "Something went wrong on our side.")


@dataclass(frozen=True, kw_only=True)
class InvalidField:
    """One invalid field of a request, in the vocabulary of gojsonschema."""

    type: str
    field: str
    description: str


def problem(
    status: int,
    headers: Mapping[str, str] | None = None,
    *,
    title: str | None = None,
    detail: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> JSONResponse:
    default_title, default_detail = ERRORS.get(status, DEFAULT_ERROR)
    body = {"title": title or default_title, "detail": detail or default_detail, "status": status, **(more or {})}
    return JSONResponse(body, status, headers, "application/problem+json")


def error_response(status: int, headers: Mapping[str, str]) -> JSONResponse:
    """The error of an armed fault."""
    if status != 429:
        return problem(status, headers)
    return throttled(int(float(headers.get("retry-after", 1))), headers)


def throttled(seconds: int, headers: Mapping[str, str]) -> JSONResponse:
    body: dict[str, Any] = {"detail": f"Request was throttled. Your rate limit resets in ~{seconds}s.", "status": 429}
    if "retry-after" in headers:
        body["retry_after"] = seconds
    return JSONResponse(body, 429, headers, "application/problem+json")


def not_found() -> Refusal:
    return Refusal(problem(404))


def invalid(fields: list[InvalidField], *, title: str = "Input validation failed") -> Refusal:
    """422, before a prediction exists: nothing is charged."""
    detail = "".join(f"- {one.field}: {one.description}\n" for one in fields)
    listed = [{"type": one.type, "field": one.field, "description": one.description} for one in fields]
    return Refusal(problem(422, title=title, detail=detail, more={"invalid_fields": listed}))


def unknown_version() -> Refusal:
    detail = "The specified version does not exist (or perhaps you don't have permission to use it?)"
    return Refusal(problem(422, title="Invalid version or not permitted", detail=detail))
