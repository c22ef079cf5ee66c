"""The interactive documentation, and what of OpenAPI the framework does not know by itself."""

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

from api.problems import Problem

TITLE: Final = "aijobs"
DESCRIPTION: Final = """
One API in front of the world's generative-AI services. Hand in a job, get its code at once, follow it live.

Send `Authorization: Bearer <key>`. With a service key, name the end user in `user_id` or in the header `Aijobs-User`.
Errors are `application/problem+json` (RFC 9457). Lists are `{"data", "has_more", "next_cursor"}`. Times are RFC 3339
in UTC. A POST with an `Idempotency-Key` may be repeated: it gets the first answer again.
"""

TAGS: Final = [
    {"name": "jobs", "description": "Hand in, follow, cancel."},
    {"name": "outputs", "description": "Results, behind signed links that expire."},
    {"name": "files", "description": "Inputs that a job's parameters may name."},
    {"name": "catalogue", "description": "Models and dictionaries."},
    {"name": "points", "description": "The daily allowance, and its ledger."},
    {"name": "operations", "description": "Decisions about jobs in doubt."},
    {"name": "access", "description": "Tokens for end users' browsers."},
    {"name": "webhooks", "description": "From providers; not for callers."},
    {"name": "health", "description": "For whoever keeps this running."},
]

#: The page loads its script and style from elsewhere, and begins with a script of its own.
CONTENT_SECURITY: Final = (
    "default-src 'self'; script-src https: 'unsafe-inline'; style-src https: 'unsafe-inline'; img-src https: data:; "
    "frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    page = get_swagger_ui_html(openapi_url=f"{request.app.root_path}/openapi.json", title=TITLE)
    page.headers["Content-Security-Policy"] = CONTENT_SECURITY
    return page


def with_problems(openapi: dict[str, Any]) -> dict[str, Any]:
    """The same description with the schema that every error refers to."""
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components = openapi.setdefault("components", {}).setdefault("schemas", {})
    components |= schema.pop("$defs", {})
    components["Problem"] = schema
    return openapi
