"""`/docs`: every operation of the API, with a form that tries it. Whoever can reach the API may read it."""

import asyncio
from itertools import groupby
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse

from aijobs.domain.errors import NotFound
from api.auth.named_users import USER_HEADER
from dashboard.language import Messages, language_of
from dashboard.navigation import navigation_of
from dashboard.page import PageRoute, html, known_caller
from dashboard.pages.api_reference.operations import Operation, briefs_of, operation_of, text_of

MAX_SEARCH: Final = 100
JSON: Final = "application/json"
LINE_BREAK: Final = " \\\n  "  #: within a command

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/docs")
async def show_reference(request: Request, q: Annotated[str, Query(max_length=MAX_SEARCH)] = "") -> HTMLResponse:
    """All operations, or those that have the words."""
    openapi, words = await asyncio.to_thread(request.app.openapi), Messages(language_of(request))
    order = [tag["name"] for tag in openapi["tags"]]
    found = [brief for brief in briefs_of(openapi, words) if brief.has(q)]
    found.sort(key=lambda brief: order.index(brief.tag) if brief.tag in order else len(order))
    return await _page(
        request,
        "reference.html",
        q=q,
        groups=[(tag, list(briefs)) for tag, briefs in groupby(found, key=lambda brief: brief.tag)],
        said={tag["name"]: text_of(words, tag["description"]) for tag in openapi["tags"]},
        base_url=openapi["servers"][0]["url"],
        user_header=USER_HEADER,
    )


@router.get("/docs/{name}")
async def show_operation(request: Request, name: Annotated[str, Path(max_length=MAX_SEARCH)]) -> HTMLResponse:
    """One operation."""
    openapi = await asyncio.to_thread(request.app.openapi)
    operation = operation_of(openapi, name, Messages(language_of(request)))
    if operation is None:
        raise NotFound("The API has no such operation.")
    curl = _curl(operation, openapi["servers"][0]["url"])
    return await _page(request, "operation.html", operation=operation, curl=curl)


async def _page(request: Request, template: str, **values: Any) -> HTMLResponse:
    caller = await known_caller(request)
    navigation = navigation_of(caller.may) if caller else ()
    return html(request, template, navigation=navigation, current="documentation", paused=(), **values)


def _curl(operation: Operation, base_url: str) -> str:
    """A command for a shell."""
    brief = operation.brief
    parts = [f"curl -X {brief.method} '{base_url}{brief.path}'"]
    if not operation.is_open:
        parts.append('-H "Authorization: Bearer $AIJOBS_KEY"')
    for body in operation.bodies[:1]:
        if body.media_type == JSON:
            escaped = body.example.replace("'", "'\\''")
            parts += [f"-H 'Content-Type: {JSON}'", f"-d '{escaped}'"]
        else:
            required = [field for field in body.fields if field.is_required]
            parts += [f"-F '{field.name}={'@FILE' if field.is_file else '…'}'" for field in required]
    return LINE_BREAK.join(parts)
