"""Signing in with a key, signing out, and the visitor's language and theme."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse

from aijobs.domain.errors import NotAuthenticated
from api.auth.access import Access, AppAccess
from api.auth.origins import refuse_other_pages
from api.auth.people import person_of
from api.auth.sessions import close_session, cookie_of, open_person_session, sign_in
from dashboard.addresses import local_path
from dashboard.language import COOKIE, known_language
from dashboard.page import THEME_COOKIE, PageRoute, Theme, go_to, html

ONE_YEAR: Final = timedelta(days=365)

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/login")
async def show_login(request: Request, access: AppAccess, next: str = "/") -> HTMLResponse:
    return _page(request, access, next)


@router.post("/login")
async def log_in(
    request: Request,
    access: AppAccess,
    key: Annotated[str, Form(max_length=500)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    refuse_other_pages(request, access.base_url)
    try:
        opened = await sign_in(request, access, key.strip())
    except NotAuthenticated:
        return _page(request, access, next, is_refused=True)
    response = go_to(local_path(next))
    cookie_of(access).put(response, opened)
    return response


@router.post("/login/person")
async def log_in_person(
    request: Request, access: AppAccess, next: Annotated[str, Form(max_length=2000)] = "/"
) -> Response:
    """Somebody whom the proxy has signed in, and who has said so on the login page."""
    refuse_other_pages(request, access.base_url)
    person = person_of(request, access.settings.sign_in)
    if person is None:
        raise NotAuthenticated("No proxy says who you are.")
    opened = await open_person_session(request, access, person)
    response = go_to(local_path(next))
    cookie_of(access).put(response, opened)
    return response


@router.post("/logout")
async def log_out(request: Request, access: AppAccess) -> Response:
    refuse_other_pages(request, access.base_url)
    cookie = cookie_of(access)
    if secret := request.cookies.get(cookie.name):
        await close_session(access, secret)
    response = go_to("/login")
    cookie.drop(response)
    return response


@router.post("/preferences")
async def prefer(
    language: Annotated[str | None, Form(max_length=20)] = None,
    theme: Annotated[Theme | None, Form()] = None,
    back: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    response = go_to(local_path(back))
    preferences = {COOKIE: known_language(language), THEME_COOKIE: theme}
    for name, value in preferences.items():
        if value is not None:
            remember(response, name, value.value)
    return response


def remember(response: Response, name: str, value: str) -> None:
    """Keep a visitor's choice for a year, in a cookie."""
    response.set_cookie(name, value, max_age=int(ONE_YEAR.total_seconds()), httponly=True, samesite="lax")


def _page(request: Request, access: Access, next_page: str, *, is_refused: bool = False) -> HTMLResponse:
    """The form for a key; over it, who somebody is whom a proxy has signed in."""
    return html(
        request,
        "login.html",
        status=HTTPStatus.UNAUTHORIZED if is_refused else HTTPStatus.OK,
        is_refused=is_refused,
        next=local_path(next_page),
        person=person_of(request, access.settings.sign_in),
        sign_out=access.settings.sign_in.sign_out,
    )
