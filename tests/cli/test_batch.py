"""`aijobs batch`: rows of a file or a folder, and what came of them."""

import asyncio
import json
import re
import zipfile
from pathlib import Path

from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.batches.feed import DatabaseBatchFeed
from tests.api.installation import UPSCALE, ApiUnderTest
from tests.api.pictures import picture
from tests.cli.command import CommandResult
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
