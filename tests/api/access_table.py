"""Which scopes each route and page asks for, as the code says: `python -m tests.api.access_table` prints it."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute

from aijobs.domain.values.scopes import ROLE_SCOPES, USER_SCOPES, Scope, includes
from api.app import ROUTES
from api.auth.caller import CallerWith
from api.auth.tickets import Follower
from api.auth.tokens import FOR_END_USERS
from dashboard.routes import ROUTERS

OPEN: Final = "–"  #: no caller is asked for
NO_METHOD: Final = frozenset({"HEAD"})  #: comes with GET

#: Who is compared: the roles, and the most that an end user's key and token may do.
HOLDERS: Final[Mapping[str, frozenset[Scope]]] = {
    **{role.value: scopes for role, scopes in ROLE_SCOPES.items()},
    "a user's key": USER_SCOPES,
    "a user's token": FOR_END_USERS,
}

_FOLLOWER: Final = Follower.__metadata__[0].dependency  # type: ignore[attr-defined]


def asked_scopes() -> dict[str, str]:
    """By `GET /api/jobs`: the scopes, separated by a blank, none for whoever is signed in, or OPEN."""
    found: dict[str, str] = {}
    for router in (*(module.router for module in ROUTES), *ROUTERS):
        for path, route in _routes(router.routes):
            if isinstance(route, APIWebSocketRoute):
                found[f"WS {path}"] = Scope.JOBS_READ  # its caller is identified in the route
            else:
                for method in route.methods - NO_METHOD:
                    found[f"{method} {path}"] = _asked(route.dependant)
    return dict(sorted(found.items(), key=lambda item: item[0].split()[::-1]))


def _routes(routes: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """With their paths, those of routers within routers too."""
    for route in routes:
        if isinstance(route, APIRoute | APIWebSocketRoute):
            yield prefix + route.path, route
        else:
            yield from _routes(route.original_router.routes, prefix + route.include_context.prefix)


def _asked(dependant: Dependant) -> str:
    scopes = list(_scopes(dependant))
    return OPEN if not scopes else " ".join(sorted(set().union(*scopes)))


def _scopes(dependant: Dependant) -> Iterator[tuple[Scope, ...]]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, CallerWith):
            yield inner.call.scopes
        elif inner.call is _FOLLOWER:
            yield (Scope.JOBS_READ,)
        yield from _scopes(inner)


def holders_table() -> Iterator[str]:
    yield f"| scope | {' | '.join(HOLDERS)} |"
    yield "|---|" + ":-:|" * len(HOLDERS)
    for scope in Scope:
        marks = ("✓" if includes(granted, scope) else "" for granted in HOLDERS.values())
        yield f"| `{scope}` | {' | '.join(marks)} |"


def routes_table() -> Iterator[str]:
    yield "| route or page | scope |"
    yield "|---|---|"
    for route, asked in asked_scopes().items():
        shown = asked if asked == OPEN else " ".join(f"`{scope}`" for scope in asked.split()) or "any caller"
        yield f"| `{route}` | {shown} |"


if __name__ == "__main__":
    sys.stdout.write("\n".join([*holders_table(), "", *routes_table()]) + "\n")
