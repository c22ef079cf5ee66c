"""Every route and page that changes something either records an act or is declared as not needing to.

The list of routes is the application's own: one that is added fails here until it is in one of the tables.
"""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from aijobs.domain.lifecycle import JobStatus
from api.app import ROUTES
from dashboard.routes import ROUTERS
from tests.api.audited_routes import NEED_NONE, RECORDED, TESTED_ELSEWHERE, Acting
from tests.api.installation import ApiUnderTest
from tests.patience import http_client

#: Of sessions, which begin and end with these.
SESSIONS: Final = frozenset(
    {
        *("POST /api/sessions", "DELETE /api/sessions", "POST /login", "POST /logout"),
        *("POST /login/person", "POST /api/sessions/end-others"),
    }
)

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def changing_routes() -> set[str]:
    """Method and path of each route and page that may change something."""
    routes = [route for router in [*(module.router for module in ROUTES), *ROUTERS] for route in router.routes]
    contexts = [one for one in iter_route_contexts(routes) if isinstance(one.original_route, APIRoute)]
    return {
        f"{method} {(context.path or '').replace(':path}', '}')}"
        for context in contexts
        for method in (context.methods or set()) - SAFE
    }


@pytest.fixture
async def operator(api: ApiUnderTest, key: str) -> AsyncIterator[Acting]:
    origin = {"Origin": api.url}
    async with http_client(base_url=api.url, headers=origin) as browser:
        assert (await browser.post("/api/sessions", json={"key": key})).status_code == 204
        yield Acting(api, browser)


async def newest_act(operator: Acting) -> dict[str, Any]:
    acts = (await operator.api.http.get("/api/audit", params={"limit": 1})).json()["data"]
    newest: dict[str, Any] = acts[0]
    return newest


def test_every_route_that_changes_something_records_it_or_says_why_not() -> None:
    declared = [*RECORDED, *NEED_NONE, *TESTED_ELSEWHERE, *SESSIONS]
    changing = {route for route in declared if route.partition(" ")[0] not in SAFE}

    assert len(declared) == len(set(declared))
    assert changing_routes() == changing


async def test_what_an_operator_does_is_recorded_once_with_who_and_from_where(operator: Acting) -> None:
    for route, recorded in RECORDED.items():
        method, _, template = route.partition(" ")
        made = await recorded.setup(operator)
        before = await newest_act(operator)
        path = f"{template.partition('{')[0]}{made}{template.rpartition('}')[2]}" if "{" in template else template
        body = {name: made if value == "{}" else value for name, value in recorded.body.items()}
        is_page = not path.startswith("/api/")
        client = operator.browser if is_page else operator.api.http
        sent: dict[str, Any] = {} if method in SAFE | {"DELETE"} else {"data" if is_page else "json": body}
        user = {"Aijobs-User": "ada"} if "webhook-secret" in path else {}
        answer = await client.request(method, path, headers={**user, "X-Request-Id": "mine"}, **sent)
        assert answer.status_code < 400, (route, answer.text[:300])

        acts = (await operator.api.http.get("/api/audit", params={"limit": 5})).json()["data"]
        new = acts[: [act["id"] for act in acts].index(before["id"])]
        assert {act["act"] for act in new} == {recorded.kind}, route
        assert made in {act["target"] for act in new} | {new[0]["user_id"], ""}, route
        assert (new[0]["actor_kind"], new[0]["request_id"]) == ("session" if is_page else "key", "mine"), route
        assert (new[0]["address"], new[0]["key_id"] is None) == ("127.0.0.1", False), route


async def test_what_owners_do_with_their_own_jobs_is_not_recorded(api: ApiUnderTest) -> None:
    ada = await api.key_for("ada")
    by_name = {"Aijobs-User": "ada"}
    before = (await api.http.get("/api/audit")).json()["data"]
    for headers in (ada, by_name):
        running, ended = await api.job("ada"), await api.job("ada")
        await api.push(ended, JobStatus.FAILED)
        (await api.http.post(f"/api/jobs/{running}/cancel", headers=headers)).raise_for_status()
        (await api.http.post(f"/api/jobs/{ended}/rerun", json={"from": "start"}, headers=headers)).raise_for_status()
        (await api.http.delete(f"/api/jobs/{ended}", headers=headers)).raise_for_status()

    assert (await api.http.get("/api/audit")).json()["data"] == before
