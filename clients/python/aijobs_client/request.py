"""A request and its answer, with no I/O: what is sent, how the answer is read, whether it may be sent twice."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, NoReturn, TypeVar

from aijobs_client.errors import ApiError, ClientError, FieldProblem, NotUnderstood, Unreachable
from aijobs_client.retries import is_passing, parsed_retry_after

T = TypeVar("T")

GOOD: Final = range(200, 300)
REDIRECT: Final = 307


@dataclass(frozen=True)
class Reply:
    """A whole answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_good(self) -> bool:
        return self.status in GOOD or self.status == REDIRECT

    def document(self) -> Any:
        """The JSON that the body is. Raises NotUnderstood."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as unreadable:
            raise NotUnderstood(f"The API answered {self.status}, and nothing that can be read.") from unreadable


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """One request. `read` makes of a good answer what the caller gets; `path` may be a whole address.

    `is_safe`: sent twice, it does no more than once. `file` goes as a form's field of that name.
    """

    method: str
    path: str
    read: Callable[[Reply], T]
    is_safe: bool
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    file: Path | None = None

    def answered(self, reply: Reply) -> T:
        """Raises ApiError."""
        if not reply.is_good:
            refuse(reply)
        return self.read(reply)

    def may_follow(self, trouble: ClientError) -> bool:
        """Whether it may be sent again after that."""
        if isinstance(trouble, Unreachable) and not trouble.was_sent:
            return True
        return self.is_safe and is_passing(trouble)


def refuse(reply: Reply) -> NoReturn:
    """Raise the ApiError that an answer is, whoever gave it."""
    retry_after = parsed_retry_after(reply.headers.get("retry-after", ""))
    try:
        said = json.loads(reply.body)
        errors = tuple(FieldProblem(wrong["pointer"], wrong["message"]) for wrong in said.get("errors", ()))
        code, detail = said["code"], said["detail"]
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        nothing = f"{reply.status} was answered, and nothing that can be read."
        raise ApiError(code="", status=reply.status, detail=nothing, retry_after=retry_after) from None
    raise ApiError(
        code=code,
        status=reply.status,
        detail=detail,
        errors=errors,
        request_id=said.get("request_id"),
        retry_after=retry_after,
    )
