"""`/api/templates/{id}/rows`: in pages, as CSV, as Excel; only the user's own."""

import csv
import io
from datetime import date
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from aijobs.domain.documents.sources import CellSource, Mark
from aijobs.domain.documents.templates import Row
from aijobs.persistence.documents.rows import RowsOrigin, write_rows
from tests.api.installation import ApiUnderTest
from tests.api.templates import saved

COLUMNS = [{"name": "甲方"}, {"name": "金额", "type": "number"}, {"name": "日期", "type": "date"}]


async def kept(api: ApiUnderTest, template_id: str, source: str, *values: object, user: str = "ada") -> None:
    origin = RowsOrigin(template_id=template_id, template_version=1, source=source, user_id=user)
    rows: list[Row] = [{"甲方": f"{value}", "金额": 1.5, "日期": "2026-01-05"} for value in values]
    await api.dependencies.database.write(write_rows, origin, rows)


async def names(api: ApiUnderTest, template_id: str, *, user: str = "", source: str | None = None) -> list[str]:
    headers = {"Aijobs-User": user} if user else {}
    query = {"source": source} if source else {}
    answer = await api.http.get(f"/api/templates/{template_id}/rows", params=query, headers=headers)
    return [row["values"]["甲方"] for row in answer.json()["data"]]


async def test_rows_come_in_pages_in_their_order(shared_api: ApiUnderTest) -> None:
    await saved(shared_api, "paged_rows", columns=COLUMNS)
    await kept(shared_api, "paged_rows", "job_pages", *range(5))

    url = "/api/templates/paged_rows/rows"
    page = (await shared_api.http.get(url, params={"limit": 3})).json()
    rest = (await shared_api.http.get(url, params={"cursor": page["next_cursor"]})).json()

    assert [row["row_number"] for row in page["data"] + rest["data"]] == [1, 2, 3, 4, 5]
    assert (page["has_more"], rest["has_more"], rest["next_cursor"]) == (True, False, None)
    assert page["data"][0].keys() == {
        *("source", "user_id", "template_id", "template_version", "row_number", "values", "create_time")
    }


async def test_rows_say_where_their_values_come_from_when_asked(shared_api: ApiUnderTest) -> None:
    await saved(shared_api, "sourced_rows", columns=COLUMNS)
    await kept(shared_api, "sourced_rows", "table_uploaded", "a")
    origin = RowsOrigin(template_id="sourced_rows", template_version=1, source="job_sourced", user_id="ada")
    sources = [{"甲方": CellSource(quote="甲方: a", page=2, box=(0.1, 0.2, 0.3, 0.4), marks=(Mark.NOT_IN_SOURCE,))}]
    rows: list[Row] = [{"甲方": "a", "金额": None, "日期": None}]
    await shared_api.dependencies.database.write(write_rows, origin, rows, sources)

    url = "/api/templates/sourced_rows/rows"
    plain = (await shared_api.http.get(url)).json()["data"]
    uploaded, extracted = (await shared_api.http.get(url, params={"expand": "sources"})).json()["data"]
    unknown = await shared_api.http.get(url, params={"expand": "everything"})

    nothing: dict[str, Any] = {
        "quote": None,
        "page": None,
        "box": None,
        "marks": [],
        "rules": [],
        "written": None,
        "confirmed": False,
    }
    known = {"quote": "甲方: a", "page": 2, "box": [0.1, 0.2, 0.3, 0.4], "marks": ["not_in_source"]}
    assert all("sources" not in row for row in plain)
    assert uploaded["sources"] == {}
    assert extracted["sources"] == {"甲方": {**nothing, **known}, "金额": nothing, "日期": nothing}
    assert unknown.status_code == 422


async def test_rows_of_the_same_source_are_replaced(shared_api: ApiUnderTest) -> None:
    await saved(shared_api, "replaced", columns=COLUMNS)
    await kept(shared_api, "replaced", "job_replaced", "old", "old")
    await kept(shared_api, "replaced", "job_other", "other")
    await kept(shared_api, "replaced", "job_replaced", "new")

    assert await names(shared_api, "replaced") == ["other", "new"]
    assert await names(shared_api, "replaced", source="job_replaced") == ["new"]


async def test_each_user_sees_their_own(shared_api: ApiUnderTest) -> None:
    await saved(shared_api, "shared", columns=COLUMNS)
    await kept(shared_api, "shared", "job_of_ada", "ada's")
    await kept(shared_api, "shared", "job_of_bob", "bob's", user="bob")

    assert await names(shared_api, "shared", user="bob") == ["bob's"]
    assert await names(shared_api, "shared", user="bob", source="job_of_ada") == []
    assert await names(shared_api, "shared") == ["ada's", "bob's"]
    eve = await shared_api.key_for("eve")
    assert (await shared_api.http.get("/api/templates/shared/rows", headers=eve)).json()["data"] == []


async def test_as_csv_they_run_nothing(shared_api: ApiUnderTest) -> None:
    await saved(shared_api, "as_csv", columns=COLUMNS)
    await kept(shared_api, "as_csv", "job_csv", "=cmd|' /C calc'!A0", "公司", *range(1500))

    answer = await shared_api.http.get("/api/templates/as_csv/rows", params={"format": "csv"})

    written = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="as_csv.csv"'
    assert written[:3] == [
        ["甲方", "金额", "日期"],
        ["'=cmd|' /C calc'!A0", "1.5", "2026-01-05"],
        ["公司", "1.5", "2026-01-05"],
    ]
    assert len(written) == 1503


async def test_as_excel_they_have_their_types(shared_api: ApiUnderTest) -> None:
    await saved(shared_api, "as_excel", columns=COLUMNS)
    await kept(shared_api, "as_excel", "job_excel", "=1+1", *range(1500))

    answer = await shared_api.http.get("/api/templates/as_excel/rows", params={"format": "xlsx"})

    book = CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_index(0).to_python()
    assert book[:2] == [["甲方", "金额", "日期"], ["=1+1", 1.5, date(2026, 1, 5)]]
    assert len(book) == 1502


@pytest.mark.parametrize("query", [{"format": "pdf"}, {"cursor": "x"}, {"cursor": -1}, {"limit": 0}, {"surprise": 1}])
async def test_a_wrong_question_is_refused(shared_api: ApiUnderTest, query: dict[str, str]) -> None:
    await saved(shared_api, "asked", columns=COLUMNS)

    assert (await shared_api.http.get("/api/templates/asked/rows", params=query)).status_code == 422


async def test_a_template_that_never_was_has_no_rows(shared_api: ApiUnderTest) -> None:
    assert (await shared_api.http.get("/api/templates/never/rows")).status_code == 404
