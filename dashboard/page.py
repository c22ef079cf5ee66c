"""A page: who asks for it, in which language, and how an error looks to somebody with a browser.

router = APIRouter(route_class=PageRoute, include_in_schema=False)

@router.get("/things")
async def things(visit: Visiting) -> HTMLResponse:
    return await visit.page("things.html", here="things", things=…)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException

from aijobs.domain.errors import AijobsError, BadInput, FieldError, InvalidParameters, NotAuthenticated
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.persistence.access.keys import KeyKind, Scope
from aijobs.persistence.database import Database
from api.auth.caller import Caller, Reader, checked_user
from api.checked_route import CallerFirstRoute, Handler
from api.dependencies import Db, Store
from api.problems import MAX_ERRORS, headers_of, status_of
from dashboard.assets import addresses
from dashboard.formatting import FILTERS
from dashboard.language import Language, Messages, language_of
from dashboard.navigation import NAVIGATION

TEMPLATES: Final = Path(__file__).parent / "templates"
THEME_COOKIE: Final = "aijobs_theme"
CHOSEN_USER: Final = "user"
SEE_OTHER: Final = 303

#: Scripts and styles are files of ours; pictures and films may also come from where outputs are stored.
CONTENT_SECURITY: Final = (
    "default-src 'self'; img-src 'self' {store}; media-src 'self' {store}; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class Theme(StrEnum):
    """`auto` is what the visitor's system prefers."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


@cache
def environment() -> Environment:
    """Everything that a template prints is escaped; a name that it does not have is an error."""
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= FILTERS
    templates.globals |= {
        "asset": lambda name: addresses()[name],
        "JobStatus": JobStatus,
        "languages": tuple(Language),
        "themes": tuple(Theme),
    }
    return templates


@dataclass(frozen=True, kw_only=True)
class PageRequest:
    """One request of somebody who is signed in."""

    request: Request
    caller: Caller
    database: Database
    store: ObjectStore

    @property
    def words(self) -> Messages:
        return Messages(language_of(self.request))

    @property
    def sees_everybody(self) -> bool:
        return self.caller.kind is KeyKind.SERVICE and self.caller.visible_user is None

    def may(self, scope: Scope) -> bool:
        return self.caller.may(scope)

    def whose(self, wanted: str) -> str | None:
        """Whose jobs a page shows: those of the user that a service's visitor chose, or what the caller sees anyway.

        A form sends its field for the user also when nobody has filled it in. Raises InvalidParameters for what cannot
        be a user, and for two.
        """
        if len(self.request.query_params.getlist(CHOSEN_USER)) > 1:
            raise InvalidParameters("Two users are named.", FieldError(f"/query/{CHOSEN_USER}", "Send it once."))
        if not wanted:
            return self.caller.visible_user
        checked_user(wanted, where=f"/query/{CHOSEN_USER}")
        return wanted if self.sees_everybody else self.caller.visible_user

    async def page(self, template: str, *, status: int = HTTPStatus.OK, **values: Any) -> HTMLResponse:
        shown = {
            "visit": self,
            "navigation": [entry for entry in NAVIGATION if self.may(entry.needs)],
            "may_write": self.may(Scope.JOBS_WRITE),
            "may_decide": self.may(Scope.ADMIN),
            **values,
        }
        return html(self.request, template, status=status, store=await _store_origin(self.store), **shown)


async def _visit(request: Request, caller: Reader, database: Db, store: Store) -> PageRequest:
    return PageRequest(request=request, caller=caller, database=database, store=store)


Visiting = Annotated[PageRequest, Depends(_visit)]


def html(
    request: Request, template: str, *, status: int = HTTPStatus.OK, store: str = "", **values: Any
) -> HTMLResponse:
    """A page, or a piece of one. `store` is another origin that pictures may come from."""
    words = Messages(language_of(request))
    theme = request.cookies.get(THEME_COOKIE, "")
    text = (
        environment()
        .get_template(template)
        .render(t=words, theme=theme if theme in set(Theme) else Theme.AUTO, address=_address(request), **values)
    )
    headers = {
        "Content-Security-Policy": CONTENT_SECURITY.format(store=store),
        "Referrer-Policy": "same-origin",  # with none at all, browsers would not say where a form comes from
        "Vary": "Cookie, Accept-Language",
    }
    return HTMLResponse(text, status, headers)


def local_path(wanted: str, *, otherwise: str = "/") -> str:
    """Where to go on this site; an address of another one is not followed."""
    is_local = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if is_local else otherwise


def go_to(path: str) -> RedirectResponse:
    """After a form was taken: show the page, so that reloading it sends nothing again."""
    return RedirectResponse(path, SEE_OTHER)


class PageRoute(CallerFirstRoute):
    """Answers errors with pages, and whoever is not signed in with the way to do so."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def shown(request: Request) -> Response:
            try:
                return await handle(request)
            except NotAuthenticated:
                return _to_login(request)
            except AijobsError as wrong:
                status = status_of(type(wrong))
                return _error(request, status, _in_words(wrong), headers_of(wrong, status))
            except RequestValidationError as wrong:
                said = [error["msg"] for error in wrong.errors()[:MAX_ERRORS]]
                return _error(request, HTTPStatus.UNPROCESSABLE_ENTITY, said)
            except HTTPException as wrong:
                return _error(request, HTTPStatus(wrong.status_code), [wrong.detail])

        return shown


def _to_login(request: Request) -> Response:
    """A script that repaints a piece of a page is told to load the whole of it."""
    if "HX-Request" in request.headers:
        page = urlsplit(request.headers.get("HX-Current-URL", "/"))
        back = quote(f"{page.path}?{page.query}" if page.query else page.path, safe="")
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": f"/login?next={back}"})
    return go_to(f"/login?next={quote(_address(request), safe='')}")


def _error(
    request: Request, status: HTTPStatus, said: list[str], headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    page = html(request, "error.html", status=status, code=int(status), said=said, back=_page_before(request))
    page.headers.update(headers or {})
    return page


def _page_before(request: Request) -> str:
    """Where the visitor comes from, if that is one of our pages."""
    before = urlsplit(request.headers.get("Referer", ""))
    return local_path(before.path) if before.netloc == request.headers.get("Host") else "/"


def _in_words(wrong: AijobsError) -> list[str]:
    fields = wrong.fields if isinstance(wrong, BadInput) else ()
    return [str(wrong), *(field.message for field in fields[:MAX_ERRORS])]


def _address(request: Request) -> str:
    """Of the page itself; what a form sent is not part of it."""
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


async def _store_origin(store: ObjectStore) -> str:
    """Where signed links lead. Signing is done here: nobody is asked."""
    link = await store.link("outputs/none.png", lifetime=timedelta(minutes=1), filename="", media_type="")
    address = urlsplit(link)
    return f"{address.scheme}://{address.netloc}"
