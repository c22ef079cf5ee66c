"""The OpenAPI document, with the parts that FastAPI does not generate."""

import json
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from aijobs.domain.lifecycle import JobStatus
from api.problems import Problem

TITLE: Final = "aijobs"
DESCRIPTION: Final = """
One API in front of the world's generative-AI services. Submit a job, get its code at once, follow it live.

Send `Authorization: Bearer <key>`. With a service key, name the end user in `user_id` or in the header `Aijobs-User`.
Errors are `application/problem+json` (RFC 9457). Lists are `{"data", "has_more", "next_cursor"}`. Times are RFC 3339
in UTC. A POST that takes an `Idempotency-Key` may be repeated with it: it gets the first answer again.
"""

LICENSE: Final = {"name": "Apache 2.0", "identifier": "Apache-2.0"}

TAGS: Final = [
    {"name": "jobs", "description": "Submit, follow, cancel."},
    {"name": "batches", "description": "Thousands of jobs of one model: submit, follow, steer, collect."},
    {"name": "outputs", "description": "Results, behind signed links that expire."},
    {"name": "files", "description": "Inputs that a job's parameters may name."},
    {"name": "photo reviews", "description": "Scores and comments for a photo, and beautifying it."},
    {"name": "catalogue", "description": "Models and dictionaries."},
    {"name": "templates", "description": "Prompts of document jobs, in versions, and the rows that came of documents."},
    {"name": "points", "description": "The daily allowance, and its ledger."},
    {"name": "operations", "description": "Decisions about jobs in doubt, and the credentials of vendors."},
    {"name": "access", "description": "Tokens for end users' browsers."},
    {"name": "webhooks out", "description": "Where callers hear of their jobs, signed, and tried again."},
    {"name": "webhooks", "description": "From providers; not for callers."},
    {"name": "health", "description": "For whoever keeps this running."},
]

#: Verbs that a GET route's function name may begin with, and second words that name no resource.
GET_VERBS: Final = frozenset({"follow", "get", "list", "open", "read", "track"})
NO_OBJECT: Final = frozenset({"all", "one"})

WITH_BODY: Final = frozenset({"200", "201", "202"})
#: Schemas whose responses leave out absent fields.
WITH_OMITTED_FIELDS: Final = frozenset({"UploadData"})
SCHEMAS: Final = "#/components/schemas/"

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json", include_in_schema=False)
def document(request: Request) -> Response:
    """The OpenAPI document as JSON. Served by a thread, for it takes a while to build."""
    return Response(serialized_document(request.app), media_type="application/json")


def serialized_document(app: FastAPI) -> bytes:
    """The OpenAPI document, made once."""
    state = app.state
    if not hasattr(state, "openapi_json"):
        state.openapi_json = json.dumps(app.openapi(), ensure_ascii=False, separators=(",", ":")).encode()
    document: bytes = state.openapi_json
    return document


def operation_id(route: APIRoute) -> str:
    """The operation's id, which names the method of generated clients: `getJob`.

    It is the function's name, with the path's resource where it names none, and `get` where a GET has no verb.
    """
    words = route.name.split("_")
    if "GET" in (route.methods or ()) and words[0] not in GET_VERBS:
        words.insert(0, "get")
    if len(words) == 1 or words[1] in NO_OBJECT:
        words[1:] = _resource(route.path, plural=words[0] == "list")
    return words[0] + "".join(word.capitalize() for word in words[1:])


def _resource(path: str, *, plural: bool) -> list[str]:
    """The words of the path's resource: `["webhook", "endpoint"]` for `/api/webhook-endpoints/{id}`."""
    *more, last = path.removeprefix("/api").strip("/").split("/")[0].split("-")
    if plural or last.endswith("ss"):
        return [*more, last]
    return [*more, f"{last[:-3]}y" if last.endswith("ies") else last.removesuffix("s")]


def completed_schema(openapi: dict[str, Any]) -> dict[str, Any]:
    """The same document with the Problem schema, the names of the statuses, and the required response fields."""
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components = openapi.setdefault("components", {}).setdefault("schemas", {})
    components |= schema.pop("$defs", {})
    components["Problem"] = schema
    components["JobStatus"]["x-enum-varnames"] = [status.name for status in JobStatus]
    operations = [operation for path in openapi["paths"].values() for operation in path.values()]
    for operation in operations:
        _describe_non_json_bodies(operation["responses"])
    _require_sent_fields(components, operations)
    _bound_moments(openapi)
    for operation in operations:
        operation.setdefault("security", [])  # said of those that are open to all
    return openapi


def _bound_moments(part: Any) -> None:
    """Bounds of moments, which pydantic writes as `ge` and `le`, become a sentence: JSON Schema has no such word."""
    if isinstance(part, dict):
        if part.get("format") == "date-time" and "ge" in part:
            part["description"] = f"Between {part.pop('ge')} and {part.pop('le')}."
        for inner in part.values():
            _bound_moments(inner)
    elif isinstance(part, list):
        for inner in part:
            _bound_moments(inner)


def _describe_non_json_bodies(responses: dict[str, Any]) -> None:
    """A response without a schema is text or a file; so is one with a body and no media type."""
    for status in WITH_BODY & responses.keys():
        content = responses[status].setdefault("content", {})
        for media_type in content or ["application/octet-stream"]:
            format_ = {} if media_type.startswith("text/") else {"format": "binary"}
            content.setdefault(media_type, {}).setdefault("schema", {"type": "string", **format_})


def _require_sent_fields(components: dict[str, Any], operations: list[dict[str, Any]]) -> None:
    """Requests may leave out fields that have a default; responses do so in `WITH_OMITTED_FIELDS` only."""
    received = _referenced_schemas([_without_responses(operation) for operation in operations], components)
    sent = _referenced_schemas([operation["responses"] for operation in operations], components)
    for name in sent - received - WITH_OMITTED_FIELDS:
        if properties := components[name].get("properties"):
            components[name]["required"] = list(properties)


def _without_responses(operation: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in operation.items() if name != "responses"}


def _referenced_schemas(parts: list[Any], components: dict[str, Any]) -> set[str]:
    """The names of all schemas that these parts refer to, directly or through others."""
    found: set[str] = set()
    pending = parts
    while pending:
        match pending.pop():
            case {"$ref": str(reference)}:
                name = reference.removeprefix(SCHEMAS)
                if name not in found:
                    found.add(name)
                    pending.append(components[name])
            case dict() as inner:
                pending.extend(inner.values())
            case list() as inner:
                pending.extend(inner)
    return found
