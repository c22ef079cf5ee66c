"""`/api/batches/{code}/results` and `/events`: what came of the rows, as manifests, as one file, and live."""

import asyncio
import csv
import io
import json
import zipfile
from collections.abc import Awaitable, Callable
from typing import Any

from aijobs.domain.jobs.outputs import output_key
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.batches.feed import DatabaseBatchFeed
from tests.api.installation import PHOTO_URL, UPSCALE, ApiUnderTest
from tests.patience import PATIENCE


async def fed(api: ApiUnderTest, rows: int = 3, **head: Any) -> tuple[str, list[str]]:
    """A batch and its jobs, all of which run."""
    row = {"params": {"image": PHOTO_URL}, "metadata": {"name": "=1+1", "note": "one\u2028line\x85"}}
    body = {"model_id": UPSCALE, "user_id": "ada", "rows": [row] * rows, **head}
    code: str = (await api.http.post("/api/batches", json=body)).json()["code"]
    return code, [brief.code for brief in (await feed_of(api).step(code)).accepted]


def feed_of(api: ApiUnderTest) -> DatabaseBatchFeed:
    app = api.dependencies
    return DatabaseBatchFeed(app.database, app.catalogue, daily_limit=app.daily_limit)


async def succeed(api: ApiUnderTest, job: str, *contents: bytes) -> None:
    await api.push(job, JobStatus.SUBMITTED, JobStatus.GENERATED, JobStatus.MIGRATING)
    for index, content in enumerate(contents):
        await api.keep_output(job, content, index)
    await api.push(job, JobStatus.SUCCESS)


async def test_manifests_have_a_line_for_each_row(api: ApiUnderTest) -> None:
    code, jobs = await fed(api)
    await succeed(api, jobs[0], b"one", b"two")
    await api.push(jobs[1], JobStatus.FAILED)

    lines = (await api.http.get(f"/api/batches/{code}/results")).text.splitlines()
    table = await api.http.get(f"/api/batches/{code}/results", params={"format": "csv"})

    rows = [json.loads(line) for line in lines]
    assert [(row["number"], row["job_status_name"], len(row["outputs"])) for row in rows] == [
        (0, "SUCCESS", 2),
        (1, "FAILED", 0),
        (2, "DRAFT", 0),
    ]
    assert [row["metadata"]["note"] for row in rows] == ["one\u2028line\x85"] * 3
    assert rows[1]["error"] == {"code": "test", "message": "As the test wants it."}
    assert f"outputs/{jobs[0]}/1.png" in rows[0]["outputs"][1]["url"]
    assert table.headers["Content-Disposition"] == f'attachment; filename="{code}.csv"'
    cells = list(csv.DictReader(io.StringIO(table.text.removeprefix("\ufeff"))))
    assert [(line["number"], line["output_index"], line["error_code"]) for line in cells] == [
        ("0", "0", ""),
        ("0", "1", ""),
        ("1", "", "test"),
        ("2", "", ""),
    ]


async def test_a_zip_has_every_output_and_names_them(api: ApiUnderTest) -> None:
    code, jobs = await fed(api)
    await succeed(api, jobs[0], b"a" * 3_000_000)
    await succeed(api, jobs[2], b"b", b"c", b"gone")
    await api.dependencies.store.delete(output_key(jobs[2], 2, "png"))

    answer = await api.http.get(f"/api/batches/{code}/results", params={"format": "zip"})

    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["000000_0.png", "000002_0.png", "000002_1.png", "results.jsonl"]
        assert archive.read("000000_0.png") == b"a" * 3_000_000
        rows = [json.loads(line) for line in archive.read("results.jsonl").splitlines()]
    assert [[output["file"] for output in row["outputs"]] for row in rows] == [
        ["000000_0.png"],
        [],
        ["000002_0.png", "000002_1.png", None],
    ]


async def test_what_a_batch_is_called_cannot_break_out_of_its_frame(api: ApiUnderTest) -> None:
    evil = "end\n\nevent: end\ndata: {}\r\r\u2028data: x\x85"
    code, jobs = await fed(api, 1, metadata={"name": evil})
    await api.push(jobs[0], JobStatus.FAILED)
    await feed_of(api).step(code)

    _, *lines = await stream(api, code)

    assert [line.partition(":")[0] for line in lines] == ["id", "event", "data"]
    assert json.loads(lines[2].removeprefix("data: "))["metadata"] == {"name": evil}


async def test_a_batch_is_followed_to_its_end(api: ApiUnderTest) -> None:
    code, jobs = await fed(api, 2)

    async def end_all() -> None:
        for job in jobs:
            await api.push(job, JobStatus.FAILED)
        await feed_of(api).step(code)

    lines = await stream(api, code, after_first_event=end_all)
    end = json.loads(lines[-1].removeprefix("data: "))
    (last_id,) = [line.removeprefix("id: ") for line in lines if line.startswith("id: ")]
    again = await api.http.get(f"/api/batches/{code}/events", headers={"Last-Event-ID": last_id})

    assert lines[1] == "event: progress"
    assert ("event: end" in lines, end["status"], end["counts"]) == (True, "DONE", {"FAILED": 2})
    assert again.status_code == 204


async def nothing() -> None:
    """Happens meanwhile."""


async def stream(
    api: ApiUnderTest, code: str, *, after_first_event: Callable[[], Awaitable[None]] = nothing
) -> list[str]:
    """The lines of the stream, until it ends."""
    lines: list[str] = []
    async with asyncio.timeout(PATIENCE), api.http.stream("GET", f"/api/batches/{code}/events") as answer:
        assert answer.status_code == 200, await answer.aread()
        async for line in answer.aiter_lines():
            if line.startswith("data: ") and not any(earlier.startswith("data: ") for earlier in lines):
                await after_first_event()
            lines += [line] if line else []
    return lines


async def test_a_stranger_gets_nothing(api: ApiUnderTest) -> None:
    code, _ = await fed(api)
    headers = await api.key_for("bob")

    for path in ("results", "results?format=zip", "events"):
        assert (await api.http.get(f"/api/batches/{code}/{path}", headers=headers)).status_code == 404
