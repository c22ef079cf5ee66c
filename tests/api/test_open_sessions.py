"""Sessions that are open: a caller's own, everybody's for whoever may, and ending them from elsewhere."""

import httpx

from aijobs.domain.values.scopes import ROLE_SCOPES, AccessRole
from aijobs.persistence.access.keys import KeyKind, create_key
from tests.api.installation import ApiUnderTest, Headers
from tests.api.streaming import reading
from tests.api.test_sessions import SAME_ORIGIN, browser, text_of


async def ids(http: httpx.AsyncClient, path: str = "/api/sessions", headers: Headers | None = None) -> list[str]:
    answer = await http.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["data"]]


async def role_key(api: ApiUnderTest, role: AccessRole) -> str:
    database, secret = api.dependencies.database, api.dependencies.secret
    return await create_key(database, secret, kind=KeyKind.SERVICE, name=role, role=role)


async def test_a_browser_sees_its_keys_sessions_and_which_is_its_own(api: ApiUnderTest, key: str) -> None:
    async with browser(api, key) as one, browser(api, key) as other:
        listed = (await one.get("/api/sessions")).json()["data"]
        (own,) = [session for session in listed if session["is_current"]]

        assert len(listed) == 2
        assert (own["key_id"], own["person"], own["user_id"]) == (key.split("_")[2], None, None)
        assert own["address"] == "127.0.0.1"
        assert own["browser"].startswith("python-httpx")
        assert own["id"] not in [s["id"] for s in (await other.get("/api/sessions")).json()["data"] if s["is_current"]]
        assert all(len(session["id"]) == 16 for session in listed)


async def test_an_ended_session_is_over_at_once_and_its_open_stream_within_seconds(api: ApiUnderTest, key: str) -> None:
    async with browser(api, key) as here, browser(api, key) as there:
        (mine,) = [one["id"] for one in (await here.get("/api/sessions")).json()["data"] if one["is_current"]]
        theirs = next(name for name in await ids(here) if name != mine)
        cookie = {"Authorization": "", "Cookie": f"aijobs_session={there.cookies['aijobs_session']}"}
        async with reading(api, "/api/events?after=0&", headers=cookie) as stream:
            ended = await here.delete(f"/api/sessions/{theirs}", headers=SAME_ORIGIN)
            await stream.rest()

        assert ended.status_code == 204
        assert (await there.get("/api/jobs")).status_code == 401
        assert (await here.get("/api/jobs")).status_code == 200
        assert (await here.delete(f"/api/sessions/{theirs}", headers=SAME_ORIGIN)).status_code == 404


async def test_all_others_are_ended_at_once(api: ApiUnderTest, key: str) -> None:
    async with browser(api, key) as here, browser(api, key) as there, browser(api, key) as elsewhere:
        assert (await here.post("/api/sessions/end-others", headers=SAME_ORIGIN)).status_code == 204

        assert (await here.get("/api/jobs")).status_code == 200
        for other in (there, elsewhere):
            assert (await other.get("/api/jobs")).status_code == 401


async def test_only_who_may_sees_and_ends_other_peoples_sessions(api: ApiUnderTest, key: str) -> None:
    operator = await role_key(api, AccessRole.OPERATOR)
    async with browser(api, operator) as theirs, browser(api, key) as admins:
        (his,) = await ids(theirs)
        everybodys = await ids(admins, "/api/sessions/all")
        (hers,) = [name for name in everybodys if name != his]

        assert (await theirs.get("/api/sessions/all")).status_code == 403
        assert (await theirs.delete(f"/api/sessions/{hers}", headers=SAME_ORIGIN)).status_code == 404
        assert (await admins.delete(f"/api/sessions/{his}", headers=SAME_ORIGIN)).status_code == 204
        assert (await theirs.get("/api/jobs")).status_code == 401
    assert "admin" not in {*map(str, ROLE_SCOPES[AccessRole.OPERATOR])}


async def test_an_end_users_session_sees_neither_its_keys_others_nor_other_users(api: ApiUnderTest, key: str) -> None:
    ada_key = text_of(await api.key_for("ada"))
    async with (
        browser(api, key) as operators,
        browser(api, key, user_id="ada") as ada,
        browser(api, key, user_id="bob") as bob,
        browser(api, ada_key) as adas_own,
    ):
        assert len(await ids(ada)) == len(await ids(bob)) == len(await ids(adas_own)) == 1
        assert len(await ids(operators)) == 3
        (bobs,) = await ids(bob)
        assert (await ada.delete(f"/api/sessions/{bobs}", headers=SAME_ORIGIN)).status_code == 404
        assert (await ada.post("/api/sessions/end-others", headers=SAME_ORIGIN)).status_code == 204
        assert (await bob.get("/api/jobs")).status_code == 200


async def test_another_sites_page_ends_no_session(api: ApiUnderTest, key: str) -> None:
    async with browser(api, key) as http:
        (mine,) = await ids(http)
        foreign = {"Sec-Fetch-Site": "cross-site"}

        assert (await http.delete(f"/api/sessions/{mine}", headers=foreign)).status_code == 403
        assert (await http.post("/api/sessions/end-others", headers=foreign)).status_code == 403
        assert (await http.get("/api/jobs")).status_code == 200


async def test_what_is_no_name_of_a_session_finds_none(api: ApiUnderTest, key: str) -> None:
    async with browser(api, key) as http:
        (mine,) = await ids(http)
        for name in ("0" * 16, mine[:15], "%25" * 16, mine.upper() + "0"):
            answer = await http.delete(f"/api/sessions/{name}", headers=SAME_ORIGIN)
            assert answer.status_code in {404, 422}, name
        assert await ids(http) == [mine]
