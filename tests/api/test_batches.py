"""`/api/batches`: three formats, every row checked before anything is charged, steering."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from sqlmodel import Session, col, select

from aijobs.domain.jobs.batches.batch import MAX_ROWS
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.batches.feed import DatabaseBatchFeed
from aijobs.persistence.points.audit import violations
from aijobs.persistence.tables import BatchItemRow, BatchRow
from tests.api.installation import PHOTO_URL, UPSCALE, ApiUnderTest
from tests.api.pictures import picture

HEAD: Mapping[str, Any] = {"model_id": UPSCALE, "user_id": "ada"}
ROW: Mapping[str, Any] = {"params": {"image": PHOTO_URL}}


async def used(api: ApiUnderTest, user: str = "ada") -> int:
    answer = await api.http.get("/api/points", headers={"Aijobs-User": user})
    points: int = answer.json()["used"]
    return points


async def submit(api: ApiUnderTest, rows: int = 3, **more: Any) -> dict[str, Any]:
    answer = await api.http.post("/api/batches", json={**HEAD, "rows": [ROW] * rows, **more})
    assert answer.status_code == 202, answer.text
    batch: dict[str, Any] = answer.json()
    return batch


async def csv(api: ApiUnderTest, text: str, **head: Any) -> httpx.Response:
    form = {"batch": json.dumps({**HEAD, **head})}
    return await api.http.post("/api/batches", data=form, files={"file": ("rows.csv", text.encode())})


def pointers(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [error["pointer"] for error in answer.json()["errors"]]


async def test_a_batch_is_stored_with_all_points_reserved(api: ApiUnderTest) -> None:
    batch = await submit(api, metadata={"album": "spring"})

    assert (batch["status"], batch["total"], batch["counts"], batch["waiting"]) == ("RUNNING", 3, {"DRAFT": 3}, 3)
    assert (batch["points"], await used(api)) == (6, 6)
    listed = (await api.http.get("/api/batches")).json()["data"]
    assert [one["code"] for one in listed] == [batch["code"]]
    items = (await api.http.get(f"/api/batches/{batch['code']}/items", params={"limit": 2})).json()
    assert [(item["number"], item["job_code"], item["metadata"]) for item in items["data"]] == [
        (0, None, {"album": "spring"}),
        (1, None, {"album": "spring"}),
    ]
    rest = (await api.http.get(f"/api/batches/{batch['code']}/items", params={"cursor": items["next_cursor"]})).json()
    assert [item["number"] for item in rest["data"]] == [2]
    assert await api.dependencies.database.snapshot(violations) == []


async def test_json_lines_have_their_head_in_the_first_line(api: ApiUnderTest) -> None:
    lines = [json.dumps(HEAD), json.dumps(ROW), "", json.dumps({**ROW, "metadata": {"page": "2"}})]

    answer = await api.http.post(
        "/api/batches", content="\n".join(lines), headers={"Content-Type": "application/jsonl"}
    )

    assert (answer.status_code, answer.json()["total"]) == (202, 2)


@pytest.mark.parametrize(
    ("head", "detail"),
    [
        (b'{"model_id": "x", "user_id": "Ren\xe9"}', "The head of the batch is not JSON in UTF-8."),
        (
            b'{"model_id": "x", "params": {"a": "' + b"a" * 262_144 + b'"}}',
            "The head of the batch is longer than 262144 bytes.",
        ),
    ],
)
async def test_a_first_line_that_is_no_head_is_refused(shared_api: ApiUnderTest, head: bytes, detail: str) -> None:
    body = head + b"\n" + json.dumps(ROW).encode()

    answer = await shared_api.http.post("/api/batches", content=body, headers={"Content-Type": "application/jsonl"})

    assert (answer.status_code, answer.json()["detail"]) == (400, detail)


async def test_a_csv_fills_the_template(api: ApiUnderTest) -> None:
    text = "\ufeffpage;photo;upscale_factor\r\n1;a.jpg;4\r\n=1+1;b.jpg;\r\n"
    params = {"image": "https://example.com/{{photo}}?page={{ page }}"}

    answer = await csv(api, text, params=params, output_count=1)

    assert answer.status_code == 202, answer.text
    rows = await items_of(api, answer.json()["code"])
    assert [row["image"] for row in rows] == [
        "https://example.com/a.jpg?page=1",
        "https://example.com/b.jpg?page==1+1",
    ]
    assert [row["upscale_factor"] for row in rows] == [4, 2]


async def items_of(api: ApiUnderTest, code: str) -> list[dict[str, Any]]:
    """The parameters of a batch's rows, as they are stored."""

    def work(session: Session) -> list[dict[str, Any]]:
        query = select(BatchItemRow).join(BatchRow, col(BatchRow.id) == BatchItemRow.batch_id)
        rows = session.exec(query.where(col(BatchRow.code) == code).order_by(col(BatchItemRow.number)))
        return [row.params for row in rows]

    return await api.dependencies.database.read(work)


@pytest.mark.parametrize(
    ("text", "params", "wanted"),
    [
        ("image,imgae\nhttps://a.test/1,x\n", {}, ["/columns/imgae"]),
        ("image,image\nhttps://a.test/1,x\n", {}, ["/columns/image"]),
        ("image,params.image\nhttps://a.test/1,x\n", {}, ["/columns/image", "/columns/params.image"]),
        ("image\nhttps://a.test/1\n", {"enhance_model": "{{" + " " * 50_000}, ["/rows/0/params/enhance_model"]),
        ("image\nhttps://a.test/1\n", {"enhance_model": "{{model}}"}, ["/params/enhance_model"]),
        ("image,upscale_factor\nhttps://a.test/1,4\nhttps://a.test/2\n", {}, ["/rows/1"]),
        ("image,upscale_factor\nhttps://a.test/1,four\n", {}, ["/rows/0/params/upscale_factor"]),
        ('image\n"https://a.test/1\n', {}, ["/file"]),
        ("image\n", {}, ["/rows"]),
    ],
)
async def test_a_wrong_csv_is_refused_by_name(
    shared_api: ApiUnderTest, text: str, params: dict[str, Any], wanted: list[str]
) -> None:
    assert pointers(await csv(shared_api, text, params=params)) == wanted


async def test_every_wrong_row_is_named_and_nothing_is_charged(api: ApiUnderTest) -> None:
    rows = [ROW, {"params": {"image": 7}}, ROW, {"params": {"image": PHOTO_URL, "colour": "red"}}, "row"]

    answer = await api.http.post("/api/batches", json={**HEAD, "rows": rows})

    assert pointers(answer) == ["/rows/1/params/image", "/rows/3/params/colour", "/rows/4"]
    assert await used(api) == 0
    assert (await api.http.get("/api/batches")).json()["data"] == []


async def test_twenty_wrong_rows_are_shown_and_all_are_counted(shared_api: ApiUnderTest) -> None:
    rows: list[dict[str, Any]] = [{"params": {}}] * 45

    answer = await shared_api.http.post("/api/batches", json={**HEAD, "rows": rows})

    assert (len(pointers(answer)), answer.json()["errors_total"]) == (20, 45)


async def test_a_row_too_many_is_refused(shared_api: ApiUnderTest) -> None:
    body = json.dumps({**HEAD, "rows": [1] * (MAX_ROWS + 1)}, separators=(",", ":")).encode()

    answer = await shared_api.http.post("/api/batches", content=body, headers={"Content-Type": "application/json"})

    assert (pointers(answer), answer.json()["detail"]) == (["/rows"], "A batch has at most 100000 rows.")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"model_id": "x", "rows": [{"params": {}}', 400),
        (b'{"model_id": "x", "rows": [{"params": {"a": NaN}}]}', 400),
        (b'{"model_id": "x", "rows": [{"a": 1, "a": 2}]}', 400),
        (b'{"model_id": "x", "rows": []} 1', 400),
        (b'{"rows": [], "rows": []}', 400),
        (b"[]", 400),
        (b'{"model_id": "\xff", "rows": []}', 400),
        (b'{"model_id": "x"}', 422),
        (b'{"rows": [{}]}', 422),
        (b'{"model_id": "no_model", "rows": [{}]}', 422),
        (b'{"rows": [' + b"[" * 5000 + b"]" * 5000 + b"]}", 400),
    ],
)
async def test_a_body_that_is_no_batch_is_refused(shared_api: ApiUnderTest, body: bytes, status: int) -> None:
    answer = await shared_api.http.post("/api/batches", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"concurrency": 0}, "/concurrency"),
        ({"concurrency": 1001}, "/concurrency"),
        ({"start_at": "2020-01-01T00:00:00Z"}, "/start_at"),
        ({"start_at": "2100-01-02T00:00:00Z", "expires_at": "2100-01-01T00:00:00Z"}, "/expires_at"),
        ({"start_at": "2100-01-02T00:00:00"}, "/start_at"),
        ({"start_at": 4102444800}, "/start_at"),
        ({"expires_at": "9999-12-31T23:59:59-23:59"}, "/expires_at"),
        ({"callback_url": "http://127.0.0.1/hook"}, "/callback_url"),
        ({"colour": "red"}, "/colour"),
        ({"output_count": 100}, "/output_count"),
    ],
)
async def test_a_wrong_head_is_refused_by_name(shared_api: ApiUnderTest, more: dict[str, Any], wanted: str) -> None:
    answer = await shared_api.http.post("/api/batches", json={**HEAD, "rows": [ROW], **more})

    assert wanted in pointers(answer)


async def test_a_row_for_a_foreign_file_is_refused(shared_api: ApiUnderTest) -> None:
    file = (await shared_api.upload(picture(), user="bob")).json()["code"]

    answer = await shared_api.http.post("/api/batches", json={**HEAD, "rows": [ROW, {"params": {"image": file}}]})

    assert pointers(answer) == ["/rows/1/params/image"]


async def test_each_row_may_be_another_users(api: ApiUnderTest) -> None:
    rows = [{**ROW, "user_id": "ada"}, {**ROW, "user_id": "bob"}, {**ROW, "user_id": "bob"}]

    answer = await api.http.post("/api/batches", json={"model_id": UPSCALE, "rows": rows})

    assert answer.status_code == 202, answer.text
    batch = answer.json()
    assert (batch["user_id"], await used(api, "ada"), await used(api, "bob")) == (None, 2, 4)
    own = await api.key_for("ada")
    assert (await api.http.get(f"/api/batches/{batch['code']}", headers=own)).status_code == 404
    answer = await api.http.post("/api/batches", json={"model_id": UPSCALE, "rows": rows}, headers=own)
    assert pointers(answer) == ["/rows/1/user_id", "/rows/2/user_id"]


async def test_a_batch_that_cannot_be_paid_as_a_whole_is_refused(api: ApiUnderTest) -> None:
    answer = await api.http.post("/api/batches", json={**HEAD, "rows": [ROW] * 51})

    assert (answer.status_code, answer.json()["code"], await used(api)) == (402, "points_exhausted", 0)
    assert (await submit(api, 51, reserve="by_row"))["points"] == 102
    assert await used(api) == 0


async def test_a_repetition_gets_the_same_batch(api: ApiUnderTest) -> None:
    headers, body = {"Idempotency-Key": "night-1"}, {**HEAD, "rows": [ROW] * 2}

    first = await api.http.post("/api/batches", json=body, headers=headers)
    again = await api.http.post("/api/batches", json=body, headers=headers)
    other = await api.http.post("/api/batches", json={**body, "rows": [ROW]}, headers=headers)

    assert first.json()["code"] == again.json()["code"]
    assert (other.status_code, other.json()["code"], await used(api)) == (422, "idempotency_mismatch", 4)


async def test_a_canceled_batch_gives_its_points_back(api: ApiUnderTest) -> None:
    code = (await submit(api))["code"]

    paused = (await api.http.post(f"/api/batches/{code}/pause")).json()
    resumed = (await api.http.post(f"/api/batches/{code}/resume")).json()
    canceled = (await api.http.post(f"/api/batches/{code}/cancel")).json()
    late = await api.http.post(f"/api/batches/{code}/resume")

    assert (paused["status"], paused["pause_reason"]) == ("PAUSED", "owner")
    assert (resumed["status"], resumed["pause_reason"]) == ("RUNNING", None)
    assert (canceled["status"], canceled["counts"], await used(api)) == ("CANCELED", {"CANCELED": 3}, 0)
    assert (late.status_code, late.json()["code"]) == (409, "batch_is_final")
    items = (await api.http.get(f"/api/batches/{code}/items", params={"status": "CANCELED"})).json()["data"]
    assert [item["error"]["code"] for item in items] == ["canceled"] * 3
    assert await api.dependencies.database.snapshot(violations) == []


async def test_what_failed_runs_again(api: ApiUnderTest) -> None:
    code = (await submit(api))["code"]
    await api.http.post(f"/api/batches/{code}/cancel")

    again = (await api.http.post(f"/api/batches/{code}/rerun")).json()

    assert (again["rows"], again["batch"]["status"], again["batch"]["waiting"], await used(api)) == (3, "RUNNING", 3, 6)
    assert await api.dependencies.database.snapshot(violations) == []
    answer = await api.http.post(f"/api/batches/{code}/rerun")
    assert (answer.status_code, answer.json()["code"]) == (409, "cannot_rerun")


async def test_a_rerun_by_somebody_else_is_in_the_audit_log_while_the_batch_runs(api: ApiUnderTest) -> None:
    code = (await submit(api))["code"]
    dependencies = api.dependencies
    feed = DatabaseBatchFeed(dependencies.database, dependencies.catalogue, daily_limit=dependencies.daily_limit)
    first, *_ = (await feed.step(code)).accepted
    await api.push(first.code, JobStatus.FAILED)

    again = (await api.http.post(f"/api/batches/{code}/rerun")).json()

    assert (again["rows"], again["batch"]["status"]) == (1, "RUNNING")
    acts = (await api.http.get("/api/audit", params={"act": "batch.rerun"})).json()["data"]
    assert [(act["target"], act["after"]) for act in acts] == [(code, {"batch_status": "RUNNING", "rows": 1})]


async def test_a_stranger_sees_no_batch(api: ApiUnderTest) -> None:
    code = (await submit(api))["code"]
    headers = await api.key_for("bob")

    answers = [await api.http.get(f"/api/batches/{code}{path}", headers=headers) for path in ("", "/items")]
    answers += [
        await api.http.post(f"/api/batches/{code}/{act}", headers=headers)
        for act in ("pause", "resume", "cancel", "rerun")
    ]

    assert [answer.status_code for answer in answers] == [404] * 6
