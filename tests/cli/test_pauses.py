"""`aijobs pause`, `pauses` and `resume`, and jobs that start later, against a real API."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cli.errors import Exit
from tests.api.installation import PHOTO_URL, UPSCALE, ApiUnderTest
from tests.cli.command import CommandResult, aijobs_process


async def aijobs(api: ApiUnderTest, folder: Path, *arguments: str) -> CommandResult:
    return await aijobs_process(*arguments, "--url", api.url, folder=folder)


async def test_what_is_paused_is_listed_with_its_reason_and_resumed(api: ApiUnderTest, tmp_path: Path) -> None:
    made = await aijobs(api, tmp_path, "pause", "provider", "replicate", "--why", "red status page", "--json")
    listed = await aijobs(api, tmp_path, "pauses")
    unknown = await aijobs(api, tmp_path, "pause", "model", "nothing_v1", "--why", "no")
    resumed = await aijobs(api, tmp_path, "resume", made.document["id"])
    after = await aijobs(api, tmp_path, "pauses")
    ended = await aijobs(api, tmp_path, "pauses", "--ended")

    assert made.document["id"] in listed.out
    assert "red status page" in listed.out
    assert unknown.code == Exit.ERROR
    assert "Known here: " in unknown.err
    assert "has ended" in resumed.out
    assert "Nothing is paused" in after.out
    assert made.document["id"] in ended.out


async def test_a_job_is_submitted_for_later_and_says_what_it_waits_for(api: ApiUnderTest, tmp_path: Path) -> None:
    at = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    sent = await aijobs(
        api,
        tmp_path,
        *("submit", UPSCALE, "--image", PHOTO_URL, "--user", "ada", "--start-at", at.isoformat(), "--json"),
    )
    shown = await aijobs(api, tmp_path, "show", sent.document["code"], "--user", "ada")

    assert sent.document["waiting"]["for"] == "schedule"
    assert datetime.fromisoformat(sent.document["start_at"]) == at
    assert "Scheduled to start later." in shown.out
    assert f"{at.astimezone():%Y-%m-%d %H:%M:%S}" in shown.out
