"""Saved views: searches of the list of jobs that a visitor has named, kept in a cookie of the browser."""

from typing import Annotated, Final
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Form, Request, Response
from pydantic import StringConstraints

from aijobs.domain.errors import FieldError, InvalidParameters
from api.auth.caller import Reader
from dashboard.addresses import parts_of
from dashboard.forms.list_query import PAGE_FIELDS
from dashboard.page import PageRoute, go_to
from dashboard.pages.login import remember

VIEWS_COOKIE: Final = "aijobs_views"
MAX_VIEWS: Final = 12
MAX_LENGTH: Final = 3000  #: browsers keep 4096 bytes of a cookie

#: Fields of the page itself; the order belongs to the view.
NOT_KEPT: Final = PAGE_FIELDS - {"sort"}

ViewName = Annotated[str, Form(), StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]

router = APIRouter(route_class=PageRoute, include_in_schema=False)


def views_of(request: Request) -> dict[str, str]:
    """The query strings of the visitor's views, by their names."""
    return dict(parse_qsl(request.cookies.get(VIEWS_COOKIE, ""), keep_blank_values=True)[:MAX_VIEWS])


@router.post("/jobs/views")
async def keep_view(
    request: Request, _caller: Reader, name: ViewName, back: Annotated[str, Form(max_length=2000)] = ""
) -> Response:
    """Keeps the search of the address `back` under this name, in place of one that has it."""
    fields = [(field, value) for field, value in parse_qsl(parts_of(back).query) if field not in NOT_KEPT]
    views = views_of(request) | {name: urlencode(fields)}
    if len(views) > MAX_VIEWS or len(urlencode(views)) > MAX_LENGTH:
        message = "There is no room for another view. Delete one first."
        raise InvalidParameters(message, FieldError("/name", message))
    return _kept(views, f"/jobs?{urlencode(fields)}")


@router.post("/jobs/views/delete")
async def delete_view(request: Request, _caller: Reader, name: ViewName) -> Response:
    views = views_of(request)
    views.pop(name, None)
    return _kept(views, "/jobs")


def _kept(views: dict[str, str], address: str) -> Response:
    response = go_to(address)
    remember(response, VIEWS_COOKIE, urlencode(views))
    return response
