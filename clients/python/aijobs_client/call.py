"""A request and its response, without I/O: what is sent, how the response is read, whether it may be retried."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, NoReturn, TypeVar

from aijobs_client.errors import ApiError, ClientError, FieldProblem, UnexpectedResponse, Unreachable
from aijobs_client.retries import is_transient, parsed_retry_after

T = TypeVar("T")

SUCCESS: Final = range(200, 300)
REDIRECT: Final = 307


@dataclass(frozen=True)
class Response:
    """A response, completely read. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return self.status in SUCCESS or self.status == REDIRECT

    def json(self) -> Any:
        """The parsed body. Raises UnexpectedResponse when it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as unreadable:
            raise UnexpectedResponse(f"The API answered {self.status}, and nothing that can be read.") from unreadable


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """One request. `read` turns a successful response into the method's result; `path` may be an absolute URL.

    `is_safe`: sending it twice has the same effect as once. `file` is sent as the form field `file`, and
    `form` as other fields besides it.
    """

    method: str
    path: str
    read: Callable[[Response], T]
    is_safe: bool
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    file: Path | None = None
    form: Mapping[str, str] = field(default_factory=dict)

    def result_from(self, response: Response) -> T:
        """The result of a successful response. Raises ApiError for any other."""
        if not response.is_success:
            raise_api_error(response)
        return self.read(response)

    def may_retry(self, error: ClientError) -> bool:
        """Whether the request may be sent again after this error."""
        if isinstance(error, Unreachable) and not error.was_sent:
            return True
        return self.is_safe and is_transient(error)


def raise_api_error(response: Response) -> NoReturn:
    """Raise ApiError for an error response, also for one that a gateway made."""
    retry_after = parsed_retry_after(response.headers.get("retry-after", ""))
    try:
        problem = json.loads(response.body)
        errors = tuple(FieldProblem(entry["pointer"], entry["message"]) for entry in problem.get("errors", ()))
        code, detail = problem["code"], problem["detail"]
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        unreadable = f"{response.status} was answered, and nothing that can be read."
        raise ApiError(code="", status=response.status, detail=unreadable, retry_after=retry_after) from None
    raise ApiError(
        code=code,
        status=response.status,
        detail=detail,
        errors=errors,
        errors_total=total if isinstance(total := problem.get("errors_total"), int) else None,
        request_id=problem.get("request_id"),
        retry_after=retry_after,
    )
