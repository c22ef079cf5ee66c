"""A page: its visitor, its language, and how errors are shown in a browser.

router = APIRouter(route_class=PageRoute, include_in_schema=False)

@router.get("/things")
async def things(visit: Visiting) -> HTMLResponse:
    return await visit.page("things.html", current="things", things=…)
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException

from aijobs.domain.documents.costs import money
from aijobs.domain.errors import AijobsError, FieldError, InvalidParameters, NoRoom, NotAuthenticated
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.values.scopes import Scope
from aijobs.persistence.access.keys import KeyKind
from aijobs.persistence.database import Database
from aijobs.persistence.pauses import running_pauses
from aijobs.persistence.tables import PauseRow
from api.auth.caller import Caller, Reader, identified_caller, identify_caller
from api.auth.named_users import checked_user
from api.checked_route import CallerFirstRoute, Handler
from api.dependencies import Db, Store
from api.problems import MAX_ERRORS, headers_of, status_of
from api.requests.accepted import wants_json
from dashboard.addresses import local_path, parts_of
from dashboard.assets import asset_urls, compressed
from dashboard.formatting import FILTERS, model_name
from dashboard.forms.form_errors import messages_of
from dashboard.language import LANGUAGES, Language, Messages, language_of
from dashboard.language import messages as messages_in
from dashboard.navigation import navigation_of

TEMPLATES: Final = Path(__file__).parent / "templates"
STRANGERS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS})
THEME_COOKIE: Final = "aijobs_theme"
CHOSEN_USER: Final = "user"
SEE_OTHER: Final = 303

#: Scripts and styles come from this server; pictures and videos also from the object store.
CONTENT_SECURITY: Final = (
    "default-src 'self'; img-src 'self' {store}; media-src 'self' {store}; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class Theme(StrEnum):
    """`auto`: as the visitor's system prefers."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


@cache
def environment() -> Environment:
    """Templates escape everything they print; an undefined name is an error."""
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
        "asset": lambda name: asset_urls()[name],
        "JobStatus": JobStatus,
        "money": money,
        "languages": LANGUAGES,
        "themes": tuple(Theme),
    }
    return templates


@dataclass(frozen=True, kw_only=True)
class PageRequest:
    """A request of a visitor who is signed in."""

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

    def visible_user(self, user: str) -> str | None:
        """The user whose jobs a page shows: `user` if the visitor may choose one, else the caller's own. None: all.

        A form also sends an empty field. Raises InvalidParameters for an invalid user, and for two users.
        """
        if len(self.request.query_params.getlist(CHOSEN_USER)) > 1:
            raise InvalidParameters("Two users are named.", FieldError(f"/query/{CHOSEN_USER}", "Send it once."))
        if not user:
            return self.caller.visible_user
        checked_user(user, where=f"/query/{CHOSEN_USER}")
        return user if self.sees_everybody else self.caller.visible_user

    async def page(self, template: str, *, status: int = HTTPStatus.OK, **values: Any) -> HTMLResponse:
        context = {
            "visit": self,
            "model_name": partial(model_name, self.request.app.state.dependencies.catalogue, self.words),
            "navigation": navigation_of(self.may),
            "may_write": self.may(Scope.JOBS_WRITE),
            "may_decide": self.may(Scope.JOBS_RESOLVE),
            "paused": await self._paused(template),
            **values,
        }
        return html(self.request, template, status=status, store=await _store_origin(self.store), **context)

    async def _paused(self, template: str) -> Sequence[PauseRow]:
        """What the banner of a whole page tells operators."""
        if template.startswith("pieces/") or not self.may(Scope.PAUSES_READ):
            return ()
        return await self.database.read(running_pauses)


async def _visit(request: Request, caller: Reader, database: Db, store: Store) -> PageRequest:
    return PageRequest(request=request, caller=caller, database=database, store=store)


Visiting = Annotated[PageRequest, Depends(_visit)]


def html(
    request: Request, template: str, *, status: int = HTTPStatus.OK, store: str = "", **values: Any
) -> HTMLResponse:
    """A page, or a part of one. `store`: the origin of the object store, for pictures."""
    words = Messages(language_of(request))
    theme = request.cookies.get(THEME_COOKIE, "")
    text = (
        environment()
        .get_template(template)
        .render(t=words, theme=theme if theme in set(Theme) else Theme.AUTO, address=_address(request), **values)
    )
    headers = {
        "Content-Security-Policy": CONTENT_SECURITY.format(store=store),
        "Referrer-Policy": "same-origin",  # without a referrer, a form's origin would be unknown
        "Vary": "Cookie, Accept-Language, Accept-Encoding",
    }
    return compressed(request, HTMLResponse(text, status, headers))


def go_to(path: str) -> RedirectResponse:
    """Redirect after a form was sent, so that reloading the page does not send it again."""
    return RedirectResponse(path, SEE_OTHER)


class PageRoute(CallerFirstRoute):
    """Shows errors as pages; a visitor who is not signed in is sent to the login page.

    Who asks for JSON by name gets problems instead.
    """

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handle_with_error_pages(request: Request) -> Response:
            try:
                return await handle(request)
            except (AijobsError, RequestValidationError, OSError, HTTPException) as error:
                if wants_json(request.headers):
                    raise
                return await _page_of(request, error)

        return handle_with_error_pages


async def _page_of(request: Request, error: Exception) -> Response:
    """Raises the error again when it is none that we know."""
    match error:
        case NotAuthenticated():
            return _to_login(request)
        case AijobsError():
            messages = messages_of(error, Messages(Language.EN))
            return await error_page(request, status_of(type(error)), messages, _headers_of(error))
        case RequestValidationError():
            messages = [entry["msg"] for entry in error.errors()[:MAX_ERRORS]]
            return await error_page(request, HTTPStatus.UNPROCESSABLE_ENTITY, messages)
        case OSError() if no_room := NoRoom.of(error):
            return await error_page(request, status_of(NoRoom), [str(no_room)], _headers_of(no_room))
        case HTTPException():
            return await error_page(request, HTTPStatus(error.status_code), [error.detail])
    raise error


def _headers_of(error: AijobsError) -> Mapping[str, str]:
    return headers_of(error, status_of(type(error)))


def _to_login(request: Request) -> Response:
    """Redirects to the login page; a request of htmx gets the header that makes it load the whole page."""
    if "HX-Request" in request.headers:
        page = parts_of(request.headers.get("HX-Current-URL", "/"))
        back = quote(f"{page.path}?{page.query}" if page.query else page.path, safe="")
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": f"/login?next={back}"})
    return go_to(f"/login?next={quote(_address(request), safe='')}")


async def error_page(
    request: Request,
    status: HTTPStatus,
    messages: Sequence[str],
    headers: Mapping[str, str] | None = None,
    *,
    reference: str = "",
) -> HTMLResponse:
    """The page of an error, inside the layout. `reference`: the id of the request, for whoever is asked about it."""
    caller = await known_caller(request, may_ask=status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in STRANGERS)
    words = Messages(language_of(request))
    known = messages_in(words.language)
    text = known.get(f"error.text_{int(status)}")
    said = [message for message in messages if message != status.phrase]
    page = html(
        request,
        "error.html",
        status=status,
        code=int(status),
        title=known.get(f"error.title_{int(status)}", words("error.title")),
        text=text,
        messages=list(_own_words(words, said, is_told=text is not None)),
        back=_referring_page(request),
        reference=reference,
        navigation=navigation_of(caller.may) if caller else (),
        current="",
        paused=(),
    )
    page.headers.update(headers or {})
    page.headers.add_vary_header("Accept")
    return page


def _own_words(words: Messages, messages: Sequence[str], *, is_told: bool) -> Iterator[str]:
    """What the page says besides its title and text. What has no translation is left out where there is a text."""
    for message in messages:
        if translated := words.translated(message):
            yield translated
        elif not is_told:
            yield message


async def known_caller(request: Request, *, may_ask: bool = True) -> Caller | None:
    """Who the request has proved to be, or proves now; None for a stranger."""
    if not may_ask:
        return identified_caller(request)
    with suppress(AijobsError):
        return await identify_caller(request.app.state.access, request)
    return None


def _referring_page(request: Request) -> str:
    """The path of the page that the visitor comes from, if it is one of ours."""
    before = parts_of(request.headers.get("Referer", ""))
    return local_path(before.path) if before.netloc == request.headers.get("Host") else "/"


def _address(request: Request) -> str:
    """Path and query of the page, without a form's fields."""
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


async def _store_origin(store: ObjectStore) -> str:
    """The origin of signed links. Signing a link needs no request to the store."""
    link = await store.link("outputs/none.png", lifetime=timedelta(minutes=1), filename="", media_type="")
    address = urlsplit(link)
    return f"{address.scheme}://{address.netloc}"
