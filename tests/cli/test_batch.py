"""`aijobs batch`: rows of a file or a folder, and what came of them."""

import asyncio
import json
import re
import zipfile
from pathlib import Path

from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.batches.feed import DatabaseBatchFeed
from cli.errors import Exit
from tests.api.installation import PHOTO_URL, UPSCALE, ApiUnderTest
from tests.api.pictures import picture
from tests.cli.command import CommandResult, aijobs_process
from tests.cli.conftest import Command


async def run(aijobs: Command, api: ApiUnderTest, *words: str) -> CommandResult:
    """On a thread, since the API of the test answers on this one."""
    return await asyncio.to_thread(aijobs, "batch", *words, "--url", api.url)


def code_in(made: CommandResult) -> str:
    found = re.search(r"batch_\w{26}", made.out)
    assert found is not None, made
    return found[0]


async def test_a_csv_runs_is_shown_and_canceled(aijobs: Command, api: ApiUnderTest, tmp_path: Path) -> None:
    (tmp_path / "photos.csv").write_text("photo,factor\na.jpg,4\nb.jpg,2\n")
    params = ("-p", "image=https://example.com/{{photo}}", "-p", "upscale_factor={{factor}}")

    made = await run(
        aijobs, api, "run", str(tmp_path / "photos.csv"), "-m", UPSCALE, *params, "--user", "ada", "--start-at", "22:00"
    )
    code = code_in(made)
    listed = await run(aijobs, api, "list")
    canceled = await run(aijobs, api, "cancel", code)
    described = await run(aijobs, api, "show", code)
    shown = (await api.http.get(f"/api/batches/{code}")).json()

    assert made.code == 0, made.err
    assert code in listed.out
    assert (canceled.code, described.code) == (0, 0)
    assert "2 of 2 ended" in described.out
    assert (shown["status"], shown["counts"], shown["start_at"] is None) == ("CANCELED", {"CANCELED": 2}, False)


async def test_a_wrong_row_is_named(aijobs: Command, api: ApiUnderTest, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"params": {"image": 7}}\n')

    refused = await run(aijobs, api, "run", str(tmp_path / "rows.jsonl"), "-m", UPSCALE, "--user", "ada")

    assert refused.code == 1
    assert "/rows/0/params/image" in refused.err


async def test_each_file_of_a_folder_is_a_row_and_results_come_as_one_file(
    aijobs: Command, api: ApiUnderTest, tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(picture())

    made = await run(aijobs, api, "run", str(folder), "-m", UPSCALE, "--user", "ada")
    code = code_in(made)
    app = api.dependencies
    feed = DatabaseBatchFeed(app.database, app.catalogue, daily_limit=100)
    for brief in (await feed.step(code)).accepted:
        await api.push(brief.code, JobStatus.SUBMITTED, JobStatus.GENERATED, JobStatus.MIGRATING)
        await api.keep_output(brief.code, b"picture")
        await api.push(brief.code, JobStatus.SUCCESS)
    await feed.step(code)
    watched = await run(aijobs, api, "show", code, "--watch")
    saved = await run(aijobs, api, "results", code, "--to", str(tmp_path / "all.zip"))

    assert (made.code, watched.code, saved.code) == (0, 0, 0), saved.err
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.namelist() == ["000000_0.png", "000001_0.png", "results.jsonl"]
        rows = [json.loads(line) for line in archive.read("results.jsonl").splitlines()]
    assert [row["metadata"]["file"] for row in rows] == ["a.jpg", "b.jpg"]


async def alone(api: ApiUnderTest, folder: Path, *words: str) -> CommandResult:
    """In a process of its own, whose output has nothing of the API's log."""
    return await aijobs_process("batch", *words, "--url", api.url, folder=folder)


async def test_for_programs_each_line_is_json(api: ApiUnderTest, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps({"params": {"image": PHOTO_URL}}) + "\n")

    made = await alone(api, tmp_path, "run", str(tmp_path / "rows.jsonl"), "-m", UPSCALE, "--user", "ada", "--json")
    code = made.document["code"]
    await alone(api, tmp_path, "cancel", code)
    await DatabaseBatchFeed(api.dependencies.database, api.dependencies.catalogue, daily_limit=100).step(code)
    watched = await alone(api, tmp_path, "show", code, "--watch", "--json")

    assert [(line["code"], line["status"]) for line in watched.lines] == [(code, "CANCELED")]
    assert watched.code == Exit.ERROR


async def test_a_folder_that_is_sent_again_is_the_same_batch(api: ApiUnderTest, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(picture())
    order = ("run", str(folder), "-m", UPSCALE, "--user", "ada", "--idempotency-key", "night-1", "--json")

    first, again = await alone(api, tmp_path, *order), await alone(api, tmp_path, *order)

    assert again.code == Exit.SUCCESS, again.err
    assert again.document["code"] == first.document["code"]


async def test_batches_are_listed_page_by_page(api: ApiUnderTest, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps({"params": {"image": PHOTO_URL}}) + "\n")
    order = ("run", str(tmp_path / "rows.jsonl"), "-m", UPSCALE, "--user", "ada", "--json")
    older, newer = [(await alone(api, tmp_path, *order)).document["code"] for _ in range(2)]

    newest = await alone(api, tmp_path, "list", "--limit", "1")
    rest = await alone(api, tmp_path, "list", "--cursor", newer)

    assert (newer in newest.out, f"--cursor {newer}" in newest.out, older in newest.out) == (True, True, False)
    assert (older in rest.out, newer in rest.out) == (True, False)
