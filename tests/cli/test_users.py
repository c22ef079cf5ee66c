"""`aijobs users`: export, erase, hold and release, against a real API."""

import zipfile
from pathlib import Path

from aijobs.domain.lifecycle import JobStatus
from cli.errors import Exit
from tests.api.installation import ApiUnderTest
from tests.cli.command import CommandResult, aijobs_process


async def aijobs(api: ApiUnderTest, folder: Path, *arguments: str) -> CommandResult:
    return await aijobs_process("users", *arguments, "--url", api.url, folder=folder)


async def test_a_user_is_exported_held_released_and_erased(api: ApiUnderTest, tmp_path: Path) -> None:
    code = await api.job("ada")
    await api.push(code, JobStatus.FAILED)
    file = tmp_path / "ada.zip"

    exported = await aijobs(api, tmp_path, "export", "ada", str(file))
    held = await aijobs(api, tmp_path, "hold", "ada", "--why", "Case 17", "--json")
    assert held.code == Exit.SUCCESS, held.err
    listed = await aijobs(api, tmp_path, "holds")
    refused = await aijobs(api, tmp_path, "erase", "ada", "--yes")
    released = await aijobs(api, tmp_path, "release", held.document["id"])
    assert released.code == Exit.SUCCESS, released.err
    unsure = await aijobs(api, tmp_path, "erase", "ada")
    erased = await aijobs(api, tmp_path, "erase", "ada", "--yes", "--json")
    assert erased.code == Exit.SUCCESS, erased.err
    state = await aijobs(api, tmp_path, "erasure", erased.document["code"])

    assert exported.code == Exit.SUCCESS, exported.err
    assert "jobs.jsonl" in zipfile.ZipFile(file).namelist()
    assert "Case 17" in listed.out
    assert "legal hold" in refused.err
    assert unsure.code == Exit.USAGE
    assert erased.document["status"] == "RUNNING"
    assert "RUNNING" in state.out
