"""Every request that the client makes."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from aijobs_client.errors import NotUnderstood
from aijobs_client.models import File, Job, Model, Output, Page, Points
from aijobs_client.request import Call, Reply

S = TypeVar("S", bound=BaseModel)

PAGE: Final = 100  #: entries


def read_as(shape: type[S]) -> Callable[[Reply], S]:
    """Reading raises NotUnderstood."""

    def read(reply: Reply) -> S:
        try:
            return shape.model_validate(reply.document())
        except ValidationError as unlike:
            raise NotUnderstood(f"The API's answer is no {shape.__name__}: {unlike}") from unlike

    return read


def submit(
    model_id: str,
    params: Mapping[str, Any],
    *,
    output_count: int,
    idempotency_key: str | None,
    action: str | None,
    metadata: Mapping[str, str] | None,
    callback_url: str | None,
) -> Call[Job]:
    body = {"model_id": model_id, "params": dict(params), "output_count": output_count}
    wishes = {"action": action, "metadata": dict(metadata or {}) or None, "callback_url": callback_url}
    body |= {name: wish for name, wish in wishes.items() if wish is not None}
    return _once("/api/jobs", Job, idempotency_key, body=body)


def rerun(code: str, *, start: str, idempotency_key: str | None) -> Call[Job]:
    return _once(job_path(code, "/rerun"), Job, idempotency_key, body={"from": start})


def upload(path: Path, *, idempotency_key: str | None) -> Call[File]:
    return _once("/api/files", File, idempotency_key, file=path)


def cancel(code: str, *, reason: str | None) -> Call[Job]:
    body = {} if reason is None else {"reason": reason}
    return Call(method="POST", path=job_path(code, "/cancel"), read=read_as(Job), is_safe=False, body=body)


def job(code: str, *, exchange: bool = False) -> Call[Job]:
    return _get(job_path(code), Job, {"expand": "exchange"} if exchange else {})


@dataclass(frozen=True, kw_only=True)
class JobsWanted:
    """Filters. `status` has names; `created_after` is inclusive. Raises ValueError for a time without a zone."""

    status: tuple[str, ...]
    model: str | None
    created_after: datetime | None
    created_before: datetime | None

    def __post_init__(self) -> None:
        for moment in (self.created_after, self.created_before):
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"{moment} has no time zone.")

    @property
    def query(self) -> dict[str, Any]:
        return {
            "status": list(self.status),
            "model": self.model,
            "created_after": self.created_after and self.created_after.isoformat(),
            "created_before": self.created_before and self.created_before.isoformat(),
        }


def jobs(wanted: JobsWanted, cursor: str | None) -> Call[Page[Job]]:
    return _get("/api/jobs", Page[Job], {**wanted.query, "cursor": cursor, "limit": PAGE})


def models() -> Call[Page[Model]]:
    return _get("/api/models", Page[Model])


def points() -> Call[Points]:
    return _get("/api/points", Points)


def link(output: Output) -> Call[str]:
    """A fresh link to the output. It is signed, and expires."""

    def location(reply: Reply) -> str:
        if "location" not in reply.headers:
            raise NotUnderstood("The API names no link to the output.")
        return reply.headers["location"]

    return Call(method="GET", path=job_path(output.job_code, f"/outputs/{output.index}"), read=location, is_safe=True)


def linked(link: str) -> Call[None]:
    """What a link leads to."""
    return Call(method="GET", path=link, read=lambda _: None, is_safe=True, headers={"Accept-Encoding": "identity"})


def anything(method: str, path: str, *, query: Mapping[str, Any], body: Any, idempotency_key: str | None) -> Call[Any]:
    """What has no method of its own. The answer is its JSON, or nothing.

    Raises ValueError for an address elsewhere: the key is not for others.
    """
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError(f"{path!r} is no path of the API, as /api/jobs is")
    return Call(
        method=method,
        path=path,
        read=lambda reply: reply.document() if reply.body else None,
        is_safe=method == "GET" or idempotency_key is not None,
        query=_given(query),
        headers={"Idempotency-Key": idempotency_key} if idempotency_key else {},
        body=body,
    )


def _once(
    path: str, shape: type[S], idempotency_key: str | None, *, body: Any = None, file: Path | None = None
) -> Call[S]:
    """A POST that is safe to send again. Without a key of the caller's own, it gets one."""
    headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
    return Call(method="POST", path=path, read=read_as(shape), is_safe=True, headers=headers, body=body, file=file)


def _get(path: str, shape: type[S], query: Mapping[str, Any] | None = None) -> Call[S]:
    return Call(method="GET", path=path, read=read_as(shape), is_safe=True, query=_given(query or {}))


def _given(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def job_path(code: str, more: str = "") -> str:
    return f"/api/jobs/{quote(code, safe='')}{more}"
