"""`GET /asyncapi.json`: the WebSocket `/api/ws` as an AsyncAPI document, which OpenAPI has no words for."""

from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter
from pydantic import BaseModel

from aijobs.domain.jobs.events import JobEvent
from aijobs.domain.lifecycle import JobStatus
from api.auth.access import AppAccess
from api.auth.sessions import cookie_name
from api.routes.websocket import CLOSING, CREDENTIALS_EXPIRED, SubscribeMessage
from api.schemas.examples import example_of

PATH: Final = "/api/ws"
SCHEMAS: Final = "#/components/schemas/"

DESCRIPTION: Final = """
The events of the caller's jobs, as `GET /api/events` sends them, over a WebSocket. Frames are JSON in text.

Filters go into the address, or into one first message within two seconds; nothing is expected after it. `after` is the
`id` of the last frame that was seen: what came since is sent first. Without it the stream begins now.

The server pings every 20 seconds. It closes with a code, after which a client comes back, a little later each time:
"""

#: What a client does after a close, by its code (RFC 6455, section 7.4).
MEANINGS: Final = {
    1008: "the filters are wrong, as the reason says, or a second message was sent; do not come back unchanged",
    CREDENTIALS_EXPIRED: "the key, token, ticket or session is no longer good; come back with another",
}

CREDENTIALS: Final = {
    "key": {"type": "http", "scheme": "bearer", "description": "A key, or a token; where headers can be set."},
    "ticket": {"type": "httpApiKey", "in": "query", "name": "ticket", "description": "`POST /api/tickets`."},
    "session": {"type": "httpApiKey", "in": "cookie", "description": "A browser's."},
}

router = APIRouter(include_in_schema=False)


class EventMessage(BaseModel):
    """A frame. `id` is its position in the log of all events: `after` of the next connection."""

    id: int
    event: JobEvent


@router.get("/asyncapi.json")
async def describe(access: AppAccess) -> dict[str, Any]:
    """The document."""
    return asyncapi_document(access.base_url)


def asyncapi_document(base_url: str) -> dict[str, Any]:
    """AsyncAPI 3.0, from the server's side: it receives `subscribe`, and sends `event`."""
    schemas = {**_schemas_of(SubscribeMessage), **_schemas_of(EventMessage)}
    schemas["JobStatus"]["x-enum-varnames"] = [status.name for status in JobStatus]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "aijobs",
            "version": "1",
            "description": DESCRIPTION.strip() + "\n\n" + "\n".join(_close_codes()),
            "license": {"name": "Apache 2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "servers": {"api": _server(base_url)},
        "channels": {"events": _channel(schemas)},
        "operations": {
            "receiveSubscribe": _operation("receive", "subscribe", "Filters, in the first message."),
            "sendEvent": _operation("send", "event", "One event of a job."),
        },
        "components": {
            "messages": {
                "subscribe": _message(SubscribeMessage, {"job_status": ["SUCCESS", "FAILED"], "after": 1204}),
                "event": _message(EventMessage, example_of({"$ref": f"{SCHEMAS}EventMessage"}, schemas)),
            },
            "schemas": schemas,
            "securitySchemes": {**CREDENTIALS, "session": {**CREDENTIALS["session"], "name": cookie_name(base_url)}},
        },
    }


def _server(base_url: str) -> dict[str, Any]:
    address = urlsplit(base_url)
    return {
        "host": address.netloc,
        "pathname": address.path or "/",
        "protocol": "wss" if address.scheme == "https" else "ws",
        "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in CREDENTIALS],
    }


def _channel(schemas: dict[str, Any]) -> dict[str, Any]:
    """The filters may be in the address; each but `after` may be sent several times."""
    query = {"type": "object", "properties": schemas[SubscribeMessage.__name__]["properties"]}
    return {
        "address": PATH,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in ("subscribe", "event")},
        "bindings": {"ws": {"method": "GET", "query": query, "bindingVersion": "0.1.0"}},
    }


def _close_codes() -> list[str]:
    codes = {code: reason for code, reason in CLOSING.values() if code not in MEANINGS}
    lines = {
        **{code: f"come back with `after`. Reason, for example: “{reason}”" for code, reason in codes.items()},
        **MEANINGS,
    }
    return [f"* {code}: {meaning}" for code, meaning in sorted(lines.items())]


def _schemas_of(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(mode="serialization", ref_template=f"{SCHEMAS}{{model}}")
    return {**schema.pop("$defs", {}), model.__name__: schema}


def _operation(action: str, message: str, summary: str) -> dict[str, Any]:
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": "#/channels/events"},
        "messages": [{"$ref": f"#/channels/events/messages/{message}"}],
    }


def _message(model: type[BaseModel], example: Any) -> dict[str, Any]:
    return {
        "contentType": "application/json",
        "summary": (model.__doc__ or "").strip().split("\n")[0],
        "payload": {"$ref": f"{SCHEMAS}{model.__name__}"},
        "examples": [{"name": "example", "payload": example}],
    }
