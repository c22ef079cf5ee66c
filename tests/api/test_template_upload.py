"""`POST /api/template/upload-template`: the exact responses; Excel is imported at once, other documents become jobs."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from aijobs.adapters.chat import ChatSettings
from aijobs.domain.values.scopes import Scope
from api.dependencies import ApiDependencies
from tests.adapters.documents.makers import encrypted_office_file, pdf, word, workbook
from tests.adapters.documents.spreadsheets.makers import ods, ods_row, ods_table, ods_text, xls, xlsb, xlsx
from tests.api.conftest import opened_dependencies
from tests.api.installation import ApiUnderTest, opened_installation
from tests.api.pictures import picture
from tests.api.templates import saved, sent

TEXTS = [["甲方", "金额"], ["A公司", "5"], ["B公司", "1,000.5"]]
TABLE = workbook([["甲方", "金额"], ["A公司", 5], ["B公司", "1,000.5"]])


@pytest.fixture
async def template_api(dependencies: ApiDependencies, key: str, tmp_path: Path) -> AsyncIterator[ApiUnderTest]:
    """An API that accepts documents, without a worker."""
    chat = ChatSettings(token=SecretStr("test"), base_url="http://127.0.0.1:1/v1")
    async with (
        opened_dependencies(tmp_path, dependencies.engine, chat=chat) as template_dependencies,
        opened_installation(template_dependencies, key) as installation,
    ):
        await saved(installation, "contract")
        yield installation


async def test_a_document_becomes_a_job(template_api: ApiUnderTest) -> None:
    answer = await sent(template_api, word("甲方：A公司"), "合同.docx")

    task_id = answer.json()["data"]["taskId"]
    assert answer.status_code == 200
    assert answer.json() == {
        "code": 200,
        "message": "success",
        "data": {"taskId": task_id, "message": "文件上传成功,正在异步处理中", "completed": False},
    }
    job = (await template_api.http.get(f"/api/jobs/{task_id}")).json()
    assert (job["model_id"], job["user_id"], job["job_status_name"]) == ("document_extract_v1", "ada", "DRAFT")


async def test_the_same_upload_under_one_key_counts_once(template_api: ApiUnderTest) -> None:
    document = word("甲方：A公司")

    jobs = [await sent(template_api, document, "合同.docx", key="order-7") for _ in range(2)]
    tables = [await sent(template_api, TABLE, "合同.xlsx", key="order-8") for _ in range(2)]
    others = [await sent(template_api, other, "a.xlsx", key="order-8") for other in (workbook(TEXTS[:2]), document)]
    rows = (await template_api.http.get("/api/templates/contract/rows", headers={"Aijobs-User": "ada"})).json()["data"]

    assert jobs[0].json() == jobs[1].json()
    assert [table.json()["data"]["completed"] for table in tables] == [True, True]
    assert len(rows) == 2
    assert [other.status_code for other in others] == [422, 422]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(("a.pdf", pdf("A contract")), ("a.md", b"# A contract"), ("a.csv", b"a,b"), ("a.txt", b"text")),
        *(("a.html", b"<p>A contract</p>"), ("a.eml", b"Subject: A contract\r\n\r\ntext"), ("a.rtf", b"{\\rtf1 a}")),
        ("photo.jpg", picture()),
    ],
)
async def test_every_other_kind_becomes_one_too(template_api: ApiUnderTest, name: str, content: bytes) -> None:
    assert (await sent(template_api, content, name)).json()["data"]["completed"] is False


async def test_a_workbook_is_taken_in_at_once(template_api: ApiUnderTest) -> None:
    answer = await sent(template_api, TABLE, "合同.xlsx")

    assert answer.json() == {
        "code": 200,
        "message": "success",
        "data": {"message": "文件上传成功,已解析 2 行数据", "completed": True},
    }
    rows = (await template_api.http.get("/api/templates/contract/rows")).json()["data"]
    assert [row["values"] for row in rows] == [{"甲方": "A公司", "金额": 5}, {"甲方": "B公司", "金额": 1000.5}]
    assert (await template_api.http.get("/api/jobs")).json()["data"] == []


async def test_a_job_can_be_followed_by_a_name_of_the_front_ends_own(template_api: ApiUnderTest) -> None:
    job = (await sent(template_api, b"text", "a.txt", taskId="my-task")).json()["data"]["taskId"]

    again = await sent(template_api, b"text", "a.txt", taskId="my-task")

    assert job.startswith("job_")
    assert (again.status_code, again.json()["code"]) == (422, 422)
    assert "another" in again.json()["message"]
    assert len((await template_api.http.get("/api/jobs")).json()["data"]) == 1


@pytest.mark.parametrize(
    ("name", "content", "status", "message"),
    [
        ("a.exe", b"MZ", 422, "ends in .exe"),
        ("a.xlsx", b"", 422, "empty"),
        ("a.xlsx", pdf("text"), 422, "it is a PDF"),
        ("a.xlsx", encrypted_office_file(), 422, "encrypted"),
        ("a.xlsx", workbook([["金额"], [5]]), 422, "The required column 甲方 is missing."),
        ("a.xlsx", workbook([["甲方", "金额"], ["A", "much"]]), 422, "Row 2, 金额: Must be a number."),
        ("a.xlsx", workbook([["甲方"]]), 422, "no rows"),
        ("a.pdf", pdf(None), 422, "pictures"),
        ("a.txt", b"\0", 422, "something else"),
        ("a.txt", b"a" * 300 * 1024, 413, "262144"),
        ("a.txt", b"a" * 500 * 1024, 413, "327680"),
    ],
)
async def test_what_cannot_be_read_is_refused_and_leaves_nothing(
    template_api: ApiUnderTest, name: str, content: bytes, status: int, message: str
) -> None:
    answer = await sent(template_api, content, name)

    assert (answer.status_code, answer.json().keys()) == (status, {"code", "message"})
    assert answer.json()["code"] == status
    assert message in answer.json()["message"]
    assert (await template_api.http.get("/api/jobs")).json()["data"] == []
    assert (await template_api.http.get("/api/templates/contract/rows")).json()["data"] == []


async def test_each_refusal_has_the_shape(template_api: ApiUnderTest) -> None:
    url = "/api/template/upload-template"
    form = {"file": ("a.txt", b"text")}
    ada = {"Aijobs-User": "ada"}
    few = await template_api.key_for("ada", Scope.FILES_WRITE)

    answers = {
        404: await sent(template_api, b"text", "a.txt", template="nowhere"),
        401: await template_api.http.post(url, files=form, headers={"Authorization": "Bearer wrong"}),
        403: await template_api.http.post(url, files=form, headers=few),
        415: await template_api.http.post(url, json={}, headers=ada),
        405: await template_api.http.get(url),
        422: await template_api.http.post(url, files=form, headers=ada),
    }

    for status, answer in answers.items():
        assert (answer.status_code, answer.json()["code"]) == (status, status), answer.text
        assert answer.json().keys() == {"code", "message"}
    assert "templateId" in answers[422].json()["message"]


async def test_without_a_language_model_the_answer_says_so(without_temporal: ApiUnderTest) -> None:
    await saved(without_temporal, "contract")

    answer = await sent(without_temporal, b"text", "a.txt")

    assert answer.json()["code"] == 422
    assert "not configured" in answer.json()["message"]
    assert (await sent(without_temporal, TABLE, "a.xlsx")).json()["data"]["completed"] is True


async def test_when_the_points_are_used_up_no_job_begins(template_api: ApiUnderTest, key: str) -> None:
    async with opened_installation(replace(template_api.dependencies, daily_limit=1), key) as poor:
        answer = await sent(poor, b"text", "a.txt")

    assert (answer.status_code, answer.json()["code"]) == (402, 402)


@pytest.fixture
async def priced_api(dependencies: ApiDependencies, key: str, tmp_path: Path) -> AsyncIterator[ApiUnderTest]:
    """One whose model has prices: a thousandth for each token."""
    chat = ChatSettings(token=SecretStr("test"), base_url="http://127.0.0.1:1/v1", price_in=1_000, price_out=1_000)
    async with (
        opened_dependencies(tmp_path, dependencies.engine, chat=chat) as priced_dependencies,
        opened_installation(priced_dependencies, key) as installation,
    ):
        yield installation


async def test_what_a_document_will_cost_is_said_before(priced_api: ApiUnderTest) -> None:
    await saved(priced_api, "contract")
    code = (await priced_api.upload(word("甲方：A公司"), name="合同.docx")).json()["code"]

    estimate = await priced_api.http.post("/api/templates/contract/estimate", json={"file": code})
    answer = await sent(priced_api, word("甲方：A公司"), "合同.docx")
    scan = (await sent(priced_api, picture(), "photo.jpg")).json()["data"]["estimate"]

    told = estimate.json()
    assert answer.json()["data"]["estimate"] == told
    assert told["questions"] == 2
    assert told["cost"] == pytest.approx((told["tokens_in"] + told["tokens_out"]) / 1_000)
    assert scan["cost"] > told["cost"]


async def test_what_would_cost_more_than_the_template_allows_is_refused(priced_api: ApiUnderTest) -> None:
    await saved(priced_api, "contract", max_cost=0.5)

    refused = await sent(priced_api, word("甲方：A公司"), "合同.docx")

    assert (refused.status_code, refused.json()["code"]) == (422, 422)
    assert "allows 0.5" in refused.json()["message"]
    assert (await priced_api.http.get("/api/jobs")).json()["data"] == []
    assert (await sent(priced_api, TABLE, "合同.xlsx")).json()["data"]["completed"] is True


@pytest.mark.parametrize("bound", [True, "5", 0, -1])
async def test_a_bound_must_be_a_number(priced_api: ApiUnderTest, bound: object) -> None:
    refused = await saved(priced_api, "contract", max_cost=bound)

    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/max_cost"]


async def test_an_estimate_needs_the_users_own_document_and_a_model(
    priced_api: ApiUnderTest, without_temporal: ApiUnderTest
) -> None:
    await saved(priced_api, "contract")
    await saved(without_temporal, "contract")
    code = (await priced_api.upload(word("甲方"), name="合同.docx")).json()["code"]

    async def refusal(api: ApiUnderTest, template: str = "contract", user: str = "ada") -> str:
        path, headers = f"/api/templates/{template}/estimate", {"Aijobs-User": user}
        return str((await api.http.post(path, json={"file": code}, headers=headers)).json()["code"])

    assert await refusal(priced_api, user="bob") == "not_found"
    assert await refusal(priced_api, template="none") == "not_found"
    assert await refusal(without_temporal) == "model_not_configured"


async def test_a_document_can_be_uploaded_as_any_file(template_api: ApiUnderTest) -> None:
    file = (await template_api.upload(word("甲方"), name="合同.docx")).json()
    params = {"file": file["code"], "template": "contract"}

    answer = await template_api.submit(model_id="document_extract_v1", params=params)

    assert file["media_type"].endswith("wordprocessingml.document")
    assert answer.status_code == 202, answer.text
    assert (await template_api.upload(b"PK\x03\x04", name="合同.docx")).json()["code"] == "unreadable_file"


async def test_when_something_breaks_nothing_of_it_is_told(
    template_api: ApiUnderTest, key: str, tmp_path: Path
) -> None:
    store = tmp_path / "store" / "files"
    store.write_text("in the way of the directory")
    away = await sent(template_api, b"text", "a.txt")
    async with opened_installation(replace(template_api.dependencies, documents=None), key) as broken:  # type: ignore[arg-type]
        failed = await sent(broken, b"text", "a.txt")

    assert (away.status_code, failed.status_code) == (503, 500)
    assert away.json() == {"code": 503, "message": "This cannot be done now. Try again later."}
    assert failed.json() == {"code": 500, "message": "This cannot be done now. Try again later."}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("合同.csv", "甲方;金额\nA公司;5\nB公司;1000,5".encode("gb18030")),
        ("合同.tsv", "甲方\t金额\nA公司\t5\nB公司\t1000.5".encode("utf-16")),
        ("合同.xls", xls([["Title"], ["甲方", "金额"], ["A公司", 5], ["B公司", 1000.5]])),
        ("合同.xlsb", xlsb([["甲方", "金额"], ["A公司", 5], ["B公司", 1000.5]])),
        ("合同.ods", ods(ods_table("S", *(ods_row(*map(ods_text, row)) for row in TEXTS)))),
    ],
)
async def test_every_spreadsheet_is_taken_in_at_once(template_api: ApiUnderTest, name: str, content: bytes) -> None:
    answer = await sent(template_api, content, name)

    assert answer.json()["data"] == {"message": "文件上传成功,已解析 2 行数据", "completed": True}
    rows = (await template_api.http.get("/api/templates/contract/rows")).json()["data"]
    assert [row["values"] for row in rows] == [{"甲方": "A公司", "金额": 5}, {"甲方": "B公司", "金额": 1000.5}]


@pytest.mark.parametrize(
    ("content", "message"),
    [("金额\n5".encode(), "The required column 甲方 is missing."), ("甲方,金额\nA,much".encode(), "Must be a number.")],
)
async def test_a_text_table_that_names_a_column_is_a_table(
    template_api: ApiUnderTest, content: bytes, message: str
) -> None:
    answer = await sent(template_api, content, "a.csv")

    assert answer.status_code == 422
    assert message in answer.json()["message"]
    assert (await template_api.http.get("/api/jobs")).json()["data"] == []


async def test_a_template_says_where_its_table_is(template_api: ApiUnderTest) -> None:
    form = xlsx([["甲方", "金额"], ["必填", "选填"], ["A公司", 5]])
    refused = await sent(template_api, form, "a.xlsx")
    template = (await template_api.http.get("/api/templates/contract")).json()
    definition = {name: template[name] for name in ("name", "prompt", "columns", "stages")}

    changed = await template_api.http.put("/api/templates/contract", json={**definition, "first_data_row": 3})
    taken = await sent(template_api, form, "a.xlsx")
    wrong = await template_api.http.put(
        "/api/templates/contract", json={**definition, "header_row": 3, "first_data_row": 3}
    )

    assert "first_data_row" in refused.json()["message"]
    assert (changed.status_code, taken.json()["data"]["completed"]) == (201, True)
    assert wrong.status_code == 422
