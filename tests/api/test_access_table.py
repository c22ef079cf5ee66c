"""Who may call what: every route and page, with every role, as docs/access.md declares it.

A new route fails here until it has a line there (`python -m tests.api.access_table` prints the tables).
"""

import re
from collections.abc import Mapping
from typing import Final

import httpx
import pytest

from aijobs.domain.values.scopes import ROLE_SCOPES, AccessRole, Scope
from aijobs.persistence.access.keys import KeyKind, create_key
from tests.api.access_table import HOLDERS, OPEN, asked_scopes, holders_table, routes_table
from tests.api.installation import ApiUnderTest, Headers
from tests.house.source_tree import ROOT

DECLARED: Final = (ROOT / "docs/access.md").read_text("utf-8").splitlines()

#: Values of path parameters: whoever may call the route finds nothing.
NUMBERS: Final = frozenset({"index", "number"})
NOWHERE: Final = "nowhere"

REFUSED: Final = re.compile(r"This needs (a service key with )?the scope [a-z:]+\.")
CALLED: Final = {route: asked for route, asked in asked_scopes().items() if not route.startswith("WS ")}


def test_every_route_is_declared_and_asks_for_what_is_declared() -> None:
    section = DECLARED[DECLARED.index("## Routes and pages") :]
    written = {line for line in section if line.startswith("| `")}

    assert written == set(list(routes_table())[2:])


def test_every_scope_and_role_is_declared() -> None:
    rows = [line for line in holders_table() if line not in DECLARED]

    assert rows == []


def test_every_scope_but_admin_is_asked_for_somewhere() -> None:
    asked = {scope for scopes in asked_scopes().values() for scope in scopes.split()}
    within_routes = {Scope.JOBS_PRIORITY, Scope.SESSIONS_WRITE}  #: depend on what is sent, and whose session it is

    assert {*Scope} - asked - within_routes == {Scope.ADMIN}


async def holders(api: ApiUnderTest) -> Mapping[str, Headers]:
    database, secret = api.dependencies.database, api.dependencies.secret

    async def of_role(role: AccessRole) -> Headers:
        text = await create_key(database, secret, kind=KeyKind.SERVICE, name=role, scopes=ROLE_SCOPES[role])
        return {"Authorization": f"Bearer {text}"}

    body = {"user_id": "ada", "scopes": sorted(HOLDERS["a user's token"])}
    token = (await api.http.post("/api/tokens", json=body)).raise_for_status().json()["token"]
    return {
        **{role: await of_role(role) for role in AccessRole},
        "a user's key": await api.key_for("ada"),
        "a user's token": {"Authorization": f"Bearer {token}"},
    }


async def answer_to(api: ApiUnderTest, route: str, headers: Headers) -> httpx.Response:
    """The response to the route's emptiest request. Of a stream, only its beginning."""
    method, path = route.split(" ")
    filled = re.sub(r"\{(\w+)(:path)?\}", lambda found: "0" if found[1] in NUMBERS else NOWHERE, path)
    async with api.http.stream(method, filled, headers=headers) as response:
        if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
            await response.aread()
        return response


@pytest.mark.parametrize("holder", HOLDERS)
async def test_every_route_and_page_lets_in_whom_it_should(api: ApiUnderTest, holder: str) -> None:
    headers = (await holders(api))[holder]
    wrong: list[str] = []
    for route, asked in CALLED.items():
        if asked == OPEN:
            continue
        response = await answer_to(api, route, headers)
        is_event_stream = response.headers.get("Content-Type", "").startswith("text/event-stream")
        is_refused = response.status_code == 403 and not is_event_stream and bool(REFUSED.search(response.text))
        may = all(HOLDERS[holder] & {scope, Scope.ADMIN} for scope in asked.split())
        if is_refused is may or response.status_code in {401, 500}:
            wrong.append(f"{route}: {response.status_code}")

    assert wrong == []


async def test_nobody_gets_anywhere_without_a_key(api: ApiUnderTest) -> None:
    let_in: list[str] = []
    for route, asked in CALLED.items():
        if asked == OPEN:
            continue
        response = await answer_to(api, route, {"Authorization": ""})
        to_login = response.status_code == 303 and response.headers["Location"].startswith("/login")
        if response.status_code != 401 and not to_login:
            let_in.append(f"{route}: {response.status_code}")

    assert let_in == []
