"""Every request that the client makes."""

import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypedDict, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from aijobs_client.call import Call, Response
from aijobs_client.errors import UnexpectedResponse
from aijobs_client.models import File, Job, Model, Output, Page, Points

S = TypeVar("S", bound=BaseModel)

PAGE: Final = 100  #: entries in one request


def read_as(response_type: type[S]) -> Callable[[Response], S]:
    """Reads the JSON body as `response_type`. The function that is returned raises UnexpectedResponse."""

    def read(response: Response) -> S:
        try:
            return response_type.model_validate(response.json())
        except ValidationError as invalid:
            raise UnexpectedResponse(f"The API's answer is no {response_type.__name__}: {invalid}") from invalid

    return read


class JobOptions(TypedDict, total=False):
    """What else a new job may say. Times need a zone."""

    action: str | None
    metadata: Mapping[str, str] | None
    callback_url: str | None
    priority: int | None
    start_at: datetime | None
    expires_at: datetime | None


def submit(
    model_id: str,
    params: Mapping[str, Any],
    *,
    output_count: int,
    idempotency_key: str | None,
    options: JobOptions,
) -> Call[Job]:
    """Raises ValueError for a time without a zone."""
    body = {"model_id": model_id, "params": dict(params), "output_count": output_count}
    optional = {
        "action": options.get("action"),
        "metadata": dict(options.get("metadata") or {}) or None,
        "callback_url": options.get("callback_url"),
        "priority": options.get("priority"),
        "start_at": with_zone(options.get("start_at")),
        "expires_at": with_zone(options.get("expires_at")),
    }
    body |= {name: value for name, value in optional.items() if value is not None}
    return idempotent_post("/api/jobs", Job, idempotency_key, body=body)


def rerun(code: str, *, start: str, idempotency_key: str | None) -> Call[Job]:
    return idempotent_post(job_path(code, "/rerun"), Job, idempotency_key, body={"from": start})


def upload(path: Path, *, idempotency_key: str | None) -> Call[File]:
    return idempotent_post("/api/files", File, idempotency_key, file=path)


def upload_key(idempotency_key: str | None, name: str) -> str | None:
    """The key of the upload `name` of a request with this key: repeated, the request names the same file again."""
    return idempotency_key and hashlib.sha256(f"{name}\0{idempotency_key}".encode()).hexdigest()


def cancel(code: str, *, reason: str | None) -> Call[Job]:
    body = {} if reason is None else {"reason": reason}
    return Call(method="POST", path=job_path(code, "/cancel"), read=read_as(Job), is_safe=False, body=body)


def delete_job(code: str) -> Call[None]:
    """Not repeated by itself: a second one of what was deleted is NotFound."""
    return Call(method="DELETE", path=job_path(code), read=nothing, is_safe=False)


def nothing(_response: Response) -> None:
    """There is no body."""


def job(code: str, *, exchange: bool = False) -> Call[Job]:
    return get(job_path(code), Job, {"expand": "exchange"} if exchange else {})


def with_zone(time: datetime | None) -> str | None:
    """As the API reads it. Raises ValueError for a time without a zone."""
    if time is not None and time.tzinfo is None:
        raise ValueError(f"{time} has no time zone.")
    return time.isoformat() if time else None


@dataclass(frozen=True, kw_only=True)
class JobsFilter:
    """Filters of a list. `status`: names; `created_after` is inclusive. Raises ValueError for a time without a zone."""

    status: tuple[str, ...]
    model: str | None
    created_after: datetime | None
    created_before: datetime | None

    def __post_init__(self) -> None:
        for time in (self.created_after, self.created_before):
            with_zone(time)

    @property
    def query(self) -> dict[str, Any]:
        return {
            "status": list(self.status),
            "model": self.model,
            "created_after": with_zone(self.created_after),
            "created_before": with_zone(self.created_before),
        }


def jobs(filters: JobsFilter, cursor: str | None) -> Call[Page[Job]]:
    return get("/api/jobs", Page[Job], {**filters.query, "cursor": cursor, "limit": PAGE})


def models() -> Call[Page[Model]]:
    return get("/api/models", Page[Model])


def points() -> Call[Points]:
    return get("/api/points", Points)


def link(output: Output) -> Call[str]:
    """A fresh link to the output. It is signed, and expires."""

    def location(response: Response) -> str:
        if "location" not in response.headers:
            raise UnexpectedResponse("The API names no link to the output.")
        return response.headers["location"]

    return Call(method="GET", path=job_path(output.job_code, f"/outputs/{output.index}"), read=location, is_safe=True)


def follow_link(link: str) -> Call[None]:
    """Download what a link leads to, without the API key."""
    return Call(method="GET", path=link, read=lambda _: None, is_safe=True, headers={"Accept-Encoding": "identity"})


def custom(method: str, path: str, *, query: Mapping[str, Any], body: Any, idempotency_key: str | None) -> Call[Any]:
    """A request that has no method of its own. The result is the response's JSON; None when the body is empty.

    Raises ValueError for a URL of another server, which must not see the key.
    """
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError(f"{path!r} is no path of the API, as /api/jobs is")
    return Call(
        method=method,
        path=path,
        read=lambda response: response.json() if response.body else None,
        is_safe=method == "GET" or idempotency_key is not None,
        query=_without_none(query),
        headers={"Idempotency-Key": idempotency_key} if idempotency_key else {},
        body=body,
    )


def idempotent_post(
    path: str,
    response_type: type[S],
    idempotency_key: str | None,
    *,
    body: Any = None,
    file: Path | None = None,
    form: Mapping[str, str] | None = None,
) -> Call[S]:
    """A POST that may be repeated. Without an idempotency key of the caller, it gets a new one."""
    headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
    return Call(
        method="POST",
        path=path,
        read=read_as(response_type),
        is_safe=True,
        headers=headers,
        body=body,
        file=file,
        form=form or {},
    )


def get(path: str, response_type: type[S], query: Mapping[str, Any] | None = None) -> Call[S]:
    """A GET; a parameter without a value is left out."""
    return Call(method="GET", path=path, read=read_as(response_type), is_safe=True, query=_without_none(query or {}))


def _without_none(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def job_path(code: str, suffix: str = "") -> str:
    return f"/api/jobs/{quote(code, safe='')}{suffix}"
