"""Sign-ins in the audit log: sessions from their beginning to their end, and what was refused."""

from aijobs.persistence.access.keys import KeyKind, new_key_text
from tests.api.installation import ApiUnderTest
from tests.patience import http_client


async def test_sessions_are_recorded_from_their_beginning_to_their_end(api: ApiUnderTest, key: str) -> None:
    key_id = key.split("_")[2]
    origin = {"Origin": api.url}
    async with http_client(base_url=api.url, headers=origin) as browser:
        for sign_in, sign_out in (("/api/sessions", ("DELETE", "/api/sessions")), ("/login", ("POST", "/logout"))):
            sent = {"json": {"key": key}} if sign_in.startswith("/api/") else {"data": {"key": key}}
            await browser.post(sign_in, **sent)  # type: ignore[arg-type]
            await browser.request(*sign_out)
            await browser.request(*sign_out)

            ended, made = (await api.http.get("/api/audit", params={"limit": 2})).json()["data"]
            assert (made["act"], ended["act"]) == ("session.made", "session.ended")
            assert made["target"] == ended["target"] == ended["session"]
            assert made["key_id"] == ended["key_id"] == key_id
            assert made["address"] == ended["address"] == "127.0.0.1"


async def test_a_refused_sign_in_is_recorded_without_the_key(api: ApiUnderTest) -> None:
    wrong = new_key_text(KeyKind.SERVICE)
    await api.http.post("/api/sessions", json={"key": wrong})
    await api.http.post("/login", data={"key": "something else"}, headers={"Origin": api.url})

    unknown, named = (await api.http.get("/api/audit", params={"act": "sign_in"})).json()["data"]
    assert (named["target"], unknown["target"]) == (wrong.split("_")[2], "unknown")
    assert {act["actor_kind"] for act in (named, unknown)} == {"nobody"}
    assert wrong.rpartition("_")[2] not in str(named)
