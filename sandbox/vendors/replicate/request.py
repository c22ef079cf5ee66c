"""Reading a request to create a prediction: its body and the headers `Prefer` and `Cancel-After`."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from pydantic import JsonValue

from sandbox.call import Refusal
from sandbox.clock import NANOSECONDS
from sandbox.faults.catalogue import Operation
from sandbox.faults.fault_board import ArmedFault, faults_in, faults_in_url
from sandbox.vendors.replicate.errors import InvalidField, invalid, problem
from sandbox.vendors.replicate.models import ReplicateModel
from sandbox.vendors.replicate.prediction import DEFAULT_EVENTS, Event
from sandbox.vendors.replicate.schema import invalid_fields

PREFER_WAIT: Final = re.compile(r"wait(?:=([1-9]|[1-9][0-9]))?")
LONGEST_WAIT: Final = 60
DURATION: Final = re.compile(r"(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?(?:(?P<s>\d+)s?)?")
MAX_BODY: Final = 10 * 1024**2

BODY: Final[dict[str, Any]] = {
    "required": ["input"],
    "properties": {
        "input": {"type": "object"},
        "webhook": {"type": "string", "format": "uri"},
        "webhook_events_filter": {"type": "array", "items": {"type": "string", "enum": list(Event)}},
        "stream": {"type": "boolean"},
    },
}
BODY_WITH_VERSION: Final[dict[str, Any]] = {
    "required": ["version", "input"],
    "properties": {"version": {"type": "string"}, **BODY["properties"]},
}


@dataclass(frozen=True, kw_only=True)
class CreateRequest:
    input: dict[str, JsonValue]
    version: str
    webhook: str | None
    webhook_events: frozenset[Event]

    def faults(self) -> list[ArmedFault]:
        """The faults named in input URLs. Raises UnknownFaultError."""
        named = [faults_in_url(value) for value in self.input.values() if isinstance(value, str)]
        return faults_in(",".join(named), during=Operation.CREATE)

    def check_against(self, model: ReplicateModel) -> None:
        """Raises Refusal (422) that lists every invalid field."""
        problems = invalid_fields(self.input, model.input_schema, at="input")
        if problems:
            raise invalid(problems)


async def read_create_request(request: Request, *, with_version: bool) -> CreateRequest:
    """Raises Refusal: 413, 400 or 422."""
    body = await _read_json_object(request)
    problems = invalid_fields(body, BODY_WITH_VERSION if with_version else BODY, at="(root)")
    if problems:
        raise invalid(problems)
    return CreateRequest(
        input=body["input"],
        version=body.get("version", ""),
        webhook=body.get("webhook"),
        webhook_events=frozenset(Event(name) for name in body.get("webhook_events_filter", DEFAULT_EVENTS)),
    )


async def _read_json_object(request: Request) -> dict[str, Any]:
    received = bytearray()
    async for piece in request.stream():
        received += piece
        if len(received) > MAX_BODY:
            raise Refusal(problem(413, detail="The request body is too large."))
    try:
        body = json.loads(received, parse_constant=_no_constant)
    except (ValueError, RecursionError) as garbled:
        raise Refusal(problem(400, title="Bad request", detail="The request body is not JSON.")) from garbled
    if not isinstance(body, dict):
        raise invalid([InvalidField(type="invalid_type", field="(root)", description="Expected: object")])
    return body


def _no_constant(name: str) -> None:
    """NaN and Infinity are not JSON."""
    raise ValueError(f"{name} is not JSON")


def seconds_to_wait(prefer: str | None) -> int | None:
    """`Prefer: wait` or `wait=N`; None for any other preference."""
    parts = PREFER_WAIT.fullmatch((prefer or "").strip())
    if parts is None:
        return None
    return min(int(parts[1] or LONGEST_WAIT), LONGEST_WAIT)


def deadline_from(cancel_after: str | None, *, created_ns: int, shortest_seconds: float) -> int | None:
    """`Cancel-After: 30 | 30s | 5m | 1h30m45s`, counted from creation; raises Refusal (422)."""
    if cancel_after is None:
        return None
    parts = DURATION.fullmatch(cancel_after.strip())
    hours, minutes, seconds = (int(parts[unit] or 0) for unit in "hms") if parts else (0, 0, 0)
    total = hours * 3600 + minutes * 60 + seconds
    if total == 0 or total < shortest_seconds:
        detail = f"Cancel-After must be a duration of at least {shortest_seconds:g} seconds, like 30s, 5m or 1h30m45s"
        raise Refusal(problem(422, title="Invalid Cancel-After header", detail=detail))
    return created_ns + total * NANOSECONDS
