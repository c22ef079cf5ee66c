"""The audit log by the API: pages, filters, exports, and who may read it."""

import csv
import json
from typing import Any

import pytest

from aijobs.domain.values.safe_csv import BYTE_ORDER_MARK
from tests.api.installation import ApiUnderTest

REASON = '=HYPERLINK("http://example.com")'


async def paused(api: ApiUnderTest, *names: str) -> list[str]:
    bodies = [{"user": name, "reason": REASON} for name in names]
    return [(await api.http.post("/api/pauses", json=body)).json()["id"] for body in bodies]


async def acts(api: ApiUnderTest, **query: Any) -> list[dict[str, Any]]:
    answer = await api.http.get("/api/audit", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_an_act_names_its_key_its_address_and_its_request(without_temporal: ApiUnderTest) -> None:
    api = without_temporal
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Request-Id": "mine-1"}
    begun = await api.http.post("/api/pauses", json={"user": "ada", "reason": REASON}, headers=headers)
    await api.http.delete(f"/api/pauses/{begun.json()['id']}")

    ended, began = await acts(api, act="pause")
    assert (began["act"], ended["act"]) == ("pause.begun", "pause.ended")
    assert (began["actor_kind"], began["actor"], began["key_id"]) == ("key", began["key_id"], begun.json()["create_by"])
    assert (began["address"], began["request_id"]) == ("203.0.113.9", "mine-1")
    assert (began["target"], began["user_id"]) == (begun.json()["id"], "ada")
    assert (began["before"], began["after"]) == (None, {"user": "ada", "reason": REASON})
    assert (ended["before"], ended["address"]) == (began["after"], "127.0.0.1")


async def test_what_is_refused_is_not_recorded_as_done(without_temporal: ApiUnderTest) -> None:
    await paused(without_temporal, "ada")
    again = await without_temporal.http.post("/api/pauses", json={"user": "ada", "reason": REASON})

    assert again.status_code == 409
    assert len(await acts(without_temporal, act="pause.begun")) == 1


async def test_pages_and_filters(without_temporal: ApiUnderTest) -> None:
    api = without_temporal
    codes = await paused(api, "ada", "bob", "cleo")
    query: dict[str, Any] = {"act": "pause", "limit": 2}
    first = (await api.http.get("/api/audit", params=query)).json()
    second = (await api.http.get("/api/audit", params={**query, "cursor": first["next_cursor"]})).json()

    assert [act["target"] for act in [*first["data"], *second["data"]]] == codes[::-1]
    assert (first["has_more"], second["has_more"], second["next_cursor"]) == (True, False, None)
    assert [act["target"] for act in await acts(api, user_id="bob")] == [codes[1]]
    assert [act["user_id"] for act in await acts(api, target=codes[2])] == ["cleo"]
    middle = first["data"][0]["at"]
    assert len(await acts(api, act="pause", since=middle)) == 1
    assert len(await acts(api, act="pause", until=middle)) == 2
    assert await acts(api, actor="nobody") == []


@pytest.mark.parametrize(
    "query", [{"acts": "pause"}, {"act": "p%"}, {"since": "yesterday"}, {"limit": 1000}, {"cursor": "audit_0"}]
)
async def test_a_filter_that_means_nothing_is_refused(without_temporal: ApiUnderTest, query: dict[str, Any]) -> None:
    answer = await without_temporal.http.get("/api/audit", params=query)

    assert answer.status_code == 422


async def test_an_export_is_one_file_oldest_first_and_is_recorded(without_temporal: ApiUnderTest) -> None:
    api = without_temporal
    codes = await paused(api, "ada", "bob")
    lines = await api.http.get("/api/audit/export", params={"act": "pause"})
    table = await api.http.get("/api/audit/export", params={"act": "pause", "format": "csv"})

    rows = list(csv.DictReader(table.text.removeprefix(BYTE_ORDER_MARK).splitlines()))
    assert [json.loads(line)["target"] for line in lines.text.splitlines()] == codes == [row["target"] for row in rows]
    assert json.loads(lines.text.splitlines()[0])["after"] == json.loads(rows[0]["after"])
    assert lines.headers["Content-Type"] == "application/jsonl"
    assert 'filename="audit.csv"' in table.headers["Content-Disposition"]
    assert [act["after"] for act in await acts(api, act="audit.exported")] == [
        {"format": "csv", "kind": "pause"},
        {"format": "jsonl", "kind": "pause"},
    ]


async def test_only_operators_read_it(without_temporal: ApiUnderTest) -> None:
    ada = await without_temporal.key_for("ada")

    statuses = [
        (await without_temporal.http.get(path, headers=ada)).status_code for path in ("/api/audit", "/api/audit/export")
    ]
    assert statuses == [403, 403]
