"""A user with marks in everything is erased on a running installation, by its schedule: nothing of them is found."""

import asyncio
import io
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from PIL import Image
from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database import opened_database
from cli.embedded.temporal_server import DATABASE
from tests.retention.conftest import dumped
from tests.stories.stack import MIDJOURNEY, PHOTO, UPSCALE, StoryStack, running_stack, story_catalogue
from tests.stories.test_documents import CONTRACT, TEMPLATE

MARK: Final = "plantedmark"
USER: Final = f"{MARK}/ada@example.com"
SHORT_LIVED: Final = "short_lived"
TEMPORAL_DELETES_WITHIN: Final = 240
"""Seconds. It waits until it has noted that it is done with what the end of the workflow asked of it."""

QUICKLY: Final = {"AIJOBS_RETENTION__EVERY": "1s", "AIJOBS_RETENTION__WALK_EVERY": "1s"}

#: A model whose jobs are erased soon after their end.
CATALOGUE: Final = f"""
[models.{SHORT_LIVED}]
model_code = "short_lived"
model_name = "Short-lived"
model = "topazlabs/image-upscale"
model_version = "1.0"
model_desc = "Is soon forgotten"
platform = "Replicate"
channel = "replicate"
provider = "replicate"
asyn = true
type = "image"
unit_point = 1
max_output_count = 1
output_kind = "image"
unit_progress = ["PROCESSING"]
poll = {{ first = "100ms", max = "300ms" }}
retention = {{ jobs = "1s" }}
deadlines = {{ submit = "1h", queue = "1h", processing = "1h", migrate = "1h", business = "1h" }}
"""


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[StoryStack]:
    catalogue = tmp_path / "models.toml"
    catalogue.write_text(story_catalogue() + CATALOGUE)
    settings = {**QUICKLY, "AIJOBS_CATALOGUE": str(catalogue)}
    async with running_stack(tmp_path / "data", public=True, settings=settings) as stack:
        yield stack


def data_dir(stack: StoryStack) -> Path:
    return Path(stack.environment["AIJOBS_DATA_DIR"])


def marked_photo() -> bytes:
    """A photo with the mark in a comment."""
    buffer = io.BytesIO()
    with Image.open(PHOTO) as photo:
        photo.save(buffer, "JPEG", comment=f"{MARK}-content".encode())
    return buffer.getvalue()


async def succeed(stack: StoryStack) -> list[str]:
    """A picture of an upload, one of a prompt, and a table of a document. Returns the codes of their jobs."""
    image = await stack.upload(marked_photo(), user=USER, name=f"{MARK}-upload.jpg")
    metadata, callback = {"note": f"{MARK}-metadata"}, f"https://{MARK}.example.com/callback"
    params = {"image": image}
    upscaled = await stack.submit(user=USER, params=params, metadata=metadata, callback_url=callback)
    prompt = {"prompt": f"a lighthouse, {MARK}-prompt"}
    wanted = {"model_id": MIDJOURNEY, "params": prompt, "user_id": USER}
    drawn = (await stack.api.post("/api/jobs", json=wanted)).raise_for_status().json()["code"]
    content = CONTRACT + f"\n{MARK}-document\n".encode()
    extracted = await stack.api.post(
        "/api/template/upload-template",
        files={"file": (f"{MARK}-合同.txt", content)},
        data={"templateId": TEMPLATE},
        headers={"Aijobs-User": USER},
    )
    extracted.raise_for_status()
    found = (await stack.api.get("/api/jobs", headers={"Aijobs-User": USER})).raise_for_status().json()["data"]
    assert {job["code"] for job in found} >= {upscaled, drawn}
    codes = [job["code"] for job in found]
    for code in codes:
        assert (await stack.statuses(code, user=USER))[-1] == "SUCCESS", await stack.job(code, user=USER)
    assert len(codes) == 3
    return codes


async def fail(stack: StoryStack) -> str:
    """A vendor repeats what it was asked for, as many do."""
    stack.sandbox.misbehave("failed", arg=f"{MARK}-vendor will not do that")
    code = await stack.submit(user=USER)
    assert (await stack.statuses(code, user=USER))[-1] == "FAILED"
    assert MARK in (await stack.job(code, user=USER))["error"]["message"]
    return code


async def cancel(stack: StoryStack) -> str:
    """By a key of the user's own, in words."""
    body = {"name": f"{MARK}-key", "user_id": USER}
    made = (await stack.api.post("/api/keys", json=body)).raise_for_status().json()
    stack.sandbox.misbehave("never_finishes")
    code = await stack.submit(user=USER)
    await stack.until(code, JobStatus.PROCESSING, user=USER)
    own = {"Authorization": f"Bearer {made['key']}"}
    reason = {"reason": f"{MARK}-reason"}
    (await stack.api.post(f"/api/jobs/{code}/cancel", json=reason, headers=own)).raise_for_status()
    assert (await stack.statuses(code, user=USER))[-1] == "CANCELED"
    stack.sandbox.behave()
    return code


async def review(stack: StoryStack) -> list[str]:
    """A photo review, and the photo made beautiful."""
    headers, photo = {"Aijobs-User": USER}, {"photo": (f"{MARK}-me.jpg", marked_photo())}
    made = (await stack.api.post("/api/photo-reviews", files=photo, headers=headers)).raise_for_status().json()
    assert (await stack.statuses(made["job_code"], user=USER))[-1] == "SUCCESS"
    path = f"/api/photo-reviews/{made['code']}/beautify"
    wanted = await stack.api.post(path, json={"model_id": UPSCALE}, headers=headers)
    code = wanted.raise_for_status().json()["code"]
    assert (await stack.statuses(code, user=USER))[-1] == "SUCCESS"
    return [made["job_code"], code]


async def batch(stack: StoryStack) -> str:
    """It is not done when the user is erased. Returns its code."""
    image = await stack.upload(marked_photo(), user=USER)
    rows = [{"params": {"image": image}, "metadata": {"row": f"{MARK}-row"}} for _ in range(3)]
    wanted = {"model_id": UPSCALE, "rows": rows, "user_id": USER, "concurrency": 1}
    code: str = (await stack.api.post("/api/batches", json=wanted)).raise_for_status().json()["code"]
    return code


async def say_as_operators_do(stack: StoryStack) -> None:
    """A pause and a hold, which are over, and lifetimes of the user's own."""
    pause = await stack.api.post("/api/pauses", json={"user": USER, "reason": f"{MARK}-pause"})
    (await stack.api.delete(f"/api/pauses/{pause.raise_for_status().json()['id']}")).raise_for_status()
    hold = await stack.api.post("/api/holds", json={"user": USER, "reason": f"{MARK}-hold"})
    (await stack.api.delete(f"/api/holds/{hold.raise_for_status().json()['id']}")).raise_for_status()
    (await stack.api.put(f"/api/users/{USER}/retention", json={"outputs": "30d"})).raise_for_status()


async def erased(stack: StoryStack, user: str) -> dict[str, Any]:
    """Erase the user, and wait until the installation has done so by itself. Returns the receipt."""
    receipt = (await stack.api.delete(f"/api/users/{user}")).raise_for_status().json()
    async with asyncio.timeout(90):
        while receipt["status"] != "DONE":
            await asyncio.sleep(0.3)
            receipt = (await stack.api.get(f"/api/erasures/{receipt['code']}")).raise_for_status().json()
    return dict(receipt)


def without_links(job: dict[str, Any]) -> dict[str, Any]:
    """They are signed anew each time."""
    return {**job, "outputs": [output["sha256"] for output in job["outputs"]]}


def files_of(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def marked_files(folder: Path) -> list[str]:
    """Files with the mark in their name or in their bytes."""
    return [str(path) for path in files_of(folder) if MARK in str(path) or MARK.encode() in path.read_bytes()]


async def database_dump(stack: StoryStack) -> str:
    url = stack.environment.get("AIJOBS_DATABASE_URL") or f"sqlite:///{data_dir(stack)}/aijobs.db"
    async with opened_database(url) as database:
        return await database.read(dumped)


async def temporal_dump(client: Client) -> dict[str, bytes]:
    """Whatever Temporal tells of each workflow: the entry of its list, its description and its history."""
    return {
        f"{found.id}/{found.run_id}": found.raw_info.SerializeToString() + await history_of(client, found)
        async for found in client.list_workflows()
    }


async def history_of(client: Client, found: WorkflowExecution) -> bytes:
    """Nothing when it was just deleted: its entry in lists goes a moment later."""
    handle = client.get_workflow_handle(found.id, run_id=found.run_id)
    try:
        description = (await handle.describe()).raw_description.SerializeToString()
        return b"".join([description, *[event.SerializeToString() async for event in handle.fetch_history_events()]])
    except RPCError as refused:
        if refused.status is not RPCStatusCode.NOT_FOUND:
            raise
        return b""


async def leftover_in_temporal(stack: StoryStack) -> list[str]:
    """Of the file of a development server that has ended: its log is written into it."""
    database = data_dir(stack) / "temporal" / DATABASE
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [(name, row) for name in tables for row in connection.execute(f'SELECT * FROM "{name}"')]
    marked = [f"{name}: {row!r}" for name, row in rows if MARK in repr(row)]
    return marked + marked_files(data_dir(stack))


async def points_check(stack: StoryStack) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "points", "check"),
        env={**os.environ, **stack.environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode, out.decode()


async def test_nothing_of_an_erased_user_is_left_on_a_running_installation(stack: StoryStack) -> None:
    bobs = await stack.submit(user="bob")
    assert (await stack.statuses(bobs, user="bob"))[-1] == "SUCCESS"
    store = data_dir(stack) / "store"
    bobs_files = set(files_of(store))
    bobs_job, bobs_events = await stack.job(bobs, user="bob"), await stack.events(bobs, user="bob")
    codes = [*await succeed(stack), await fail(stack), await cancel(stack), *await review(stack)]
    await say_as_operators_do(stack)
    batch_code = await batch(stack)
    client = await stack.temporal_client()
    assert (await database_dump(stack)).count(MARK) > 60
    assert any(MARK.encode() in told for told in (await temporal_dump(client)).values())
    assert len(marked_files(store)) >= 3

    receipt = await erased(stack, USER)

    assert (receipt["waits_for"], receipt["counts"]["jobs"] >= len(codes)) == (None, True)
    assert MARK not in await database_dump(stack)
    for file in sorted(data_dir(stack).glob("aijobs.db*")):
        assert MARK.encode() not in file.read_bytes(), file
    assert set(files_of(store)) == bobs_files
    assert marked_files(data_dir(stack) / "logs") == []
    theirs = (*codes, batch_code, MARK)
    async with asyncio.timeout(TEMPORAL_DELETES_WITHIN):
        while any(text.encode() in told for told in (await temporal_dump(client)).values() for text in theirs):
            await asyncio.sleep(0.5)
    assert without_links(await stack.job(bobs, user="bob")) == without_links(bobs_job)
    assert await stack.events(bobs, user="bob") == bobs_events
    code, said = await points_check(stack)
    assert (code, "The ledger balances." in said) == (0, True), said
    await stack.temporal.process.stop()
    assert await leftover_in_temporal(stack) == []


async def test_a_job_past_its_models_lifetime_goes_by_itself_unless_it_is_held(stack: StoryStack) -> None:
    held = {"user": "carol", "reason": "Case 17"}
    hold = (await stack.api.post("/api/holds", json=held)).raise_for_status().json()
    carols = await stack.submit(model=SHORT_LIVED, user="carol")
    bobs = await stack.submit(user="bob")
    for code, user in ((carols, "carol"), (bobs, "bob")):
        assert (await stack.statuses(code, user=user))[-1] == "SUCCESS"
    daves = await stack.submit(model=SHORT_LIVED, user="dave")
    await stack.until(daves, JobStatus.SUCCESS, user="dave")

    await until_gone(stack, daves, user="dave")

    assert (await stack.job(carols, user="carol"))["job_status_name"] == "SUCCESS"
    assert (await stack.job(bobs, user="bob"))["job_status_name"] == "SUCCESS"
    assert not (data_dir(stack) / "store" / "outputs" / daves).exists()
    (await stack.api.delete(f"/api/holds/{hold['id']}")).raise_for_status()
    await until_gone(stack, carols, user="carol")
    assert (await stack.job(bobs, user="bob"))["job_status_name"] == "SUCCESS"


async def until_gone(stack: StoryStack, code: str, *, user: str) -> None:
    async with asyncio.timeout(60):
        while (await stack.api.get(f"/api/jobs/{code}", headers={"Aijobs-User": user})).status_code != 404:
            await asyncio.sleep(0.2)
