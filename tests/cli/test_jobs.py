"""`aijobs jobs`, `download`, `submit --output`: lists that fit a terminal, files that are saved, and what was meant."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.lifecycle import JobStatus
from aijobs.settings import SHIPPED_CATALOGUE
from cli.console import age
from cli.errors import Exit
from tests.api.installation import PHOTO_URL, UPSCALE, ApiUnderTest, opened_installation
from tests.api.pictures import picture
from tests.cli.command import CommandResult, aijobs_process, running
from tests.cli.test_terminal_text import run_in_terminal

COLOURS: Final = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")


async def aijobs(api: ApiUnderTest, folder: Path, *arguments: str, **settings: str) -> CommandResult:
    return await aijobs_process(*arguments, "--url", api.url, folder=folder, **settings)


async def test_a_list_fits_a_terminal_of_80_columns(api: ApiUnderTest, tmp_path: Path) -> None:
    code = await api.job(user="somebody-with-a-very-long-name@a-company-with-a-long-name.example")

    output = await run_in_terminal("jobs", "--url", api.url, folder=tmp_path, columns=80)

    lines = [line for line in COLOURS.sub("", output).splitlines() if line.strip()]
    assert any(code in line for line in lines)
    assert [line for line in lines if len(line) > 80] == []
    assert len(lines) == 2
    assert "replicate_image" in lines[1]


async def test_statuses_are_in_the_language_of_the_terminal(api: ApiUnderTest, tmp_path: Path) -> None:
    await api.job()

    english = await aijobs(api, tmp_path, "jobs", LC_ALL="en_GB.UTF-8")
    chinese = await aijobs(api, tmp_path, "jobs", LC_ALL="", LC_MESSAGES="", LANG="zh_CN.UTF-8")

    assert "Draft" in english.out and "草稿" not in english.out  # noqa: PT018 - one is nothing without the other
    assert "Draft" not in chinese.out


async def test_newer_and_older_ones_are_listed_page_by_page(api: ApiUnderTest, tmp_path: Path) -> None:
    codes = [await api.job() for _ in range(3)]

    newest = (await aijobs(api, tmp_path, "jobs", "--since", "1h", "--limit", "2", "--json")).document
    rest = await aijobs(api, tmp_path, "jobs", "--cursor", newest["next_cursor"], "--json")
    older = await aijobs(api, tmp_path, "jobs", "--until", "1h", "--json")
    wrong = await aijobs(api, tmp_path, "jobs", "--since", "yesterday")

    assert [job["code"] for job in newest["data"]] == codes[:0:-1]
    assert [job["code"] for job in rest.document["data"]] == codes[:1]
    assert older.document["data"] == []
    assert (wrong.code, "'yesterday'" in wrong.err) == (Exit.USAGE, True)


async def test_jobs_are_searched_by_error_user_and_text(api: ApiUnderTest, tmp_path: Path) -> None:
    failed, other = await api.job("ada"), await api.job("ada", metadata={"album": "holidays"})
    of_bo = await api.job("bo", metadata={"album": "holidays"})
    await api.push(failed, JobStatus.SUBMITTED, JobStatus.FAILED)

    async def listed(*options: str) -> list[str]:
        return (await aijobs(api, tmp_path, "jobs", "--codes", *options)).out.split()

    assert await listed("--error", "test") == [failed]
    assert await listed("--search", "As the test wants") == [failed]
    assert await listed("--find", "HOLIDAYS", "--user", "ada") == [other]
    assert await listed("--search", "holidays", "--oldest") == [other, of_bo]
    assert await listed("--search", failed[-6:]) == [failed]


async def test_outputs_that_are_not_there_are_not_saved(api: ApiUnderTest, tmp_path: Path) -> None:
    code = await api.job()

    result = await aijobs(api, tmp_path, "download", code, str(tmp_path / "saved"), "--user", "ada")

    assert (result.code, "has no outputs" in result.err, "DRAFT" in result.err) == (Exit.ERROR, True, True)
    assert not (tmp_path / "saved").exists()


async def test_after_ctrl_c_it_says_how_to_go_on(api: ApiUnderTest, tmp_path: Path) -> None:
    code = await api.job()
    async with running("watch", code, "--url", api.url, folder=tmp_path) as watch:
        await watch.wait_for_output("DRAFT")
        stopped = await watch.interrupt()

    assert stopped.code == Exit.INTERRUPTED
    assert f"The job goes on: aijobs watch {code}" in stopped.err


async def test_what_was_meant_is_named(api: ApiUnderTest, tmp_path: Path) -> None:
    model = await aijobs(api, tmp_path, "submit", "replicate_imageupscle_v1", "--image", PHOTO_URL, "--user", "ada")
    parameter = await aijobs(
        api, tmp_path, "submit", UPSCALE, "--image", PHOTO_URL, "-p", "upscale_facter=4", "--user", "ada"
    )
    missing = await aijobs(api, tmp_path, "submit", UPSCALE, "--user", "ada")

    assert f"Did you mean {UPSCALE}" in model.err
    assert "Did you mean upscale_factor?" in parameter.err
    assert "-p upscale_facter=…" in parameter.err
    assert "--image:" in missing.err
    assert "/params" not in missing.err


async def test_errors_are_json_for_programs(api: ApiUnderTest, tmp_path: Path) -> None:
    result = await aijobs(api, tmp_path, "show", "job_nobody", "--json")

    error = json.loads(result.err)["error"]
    assert result.code == error["exit_code"] == Exit.NOT_FOUND
    assert error["message"]


@pytest.mark.parametrize(("ago", "shown"), [(5, "5s"), (90, "1m"), (7200, "2h"), (9 * 86_400 + 5, "9d")])
def test_an_age_is_short(ago: int, shown: str) -> None:
    assert age((datetime.now(UTC) - timedelta(seconds=ago + 0.5)).isoformat()) == shown


async def test_metadata_and_an_address_go_with_a_job_and_find_it(api: ApiUnderTest, tmp_path: Path) -> None:
    order = ("submit", UPSCALE, "--image", PHOTO_URL, "--user", "ada", "-m", "order=1001", "-m", "note=a=b")

    sent = await aijobs(api, tmp_path, *order, "--callback-url", "https://example.com/told", "--json")

    assert sent.document["metadata"] == {"order": "1001", "note": "a=b"}
    found = await aijobs(api, tmp_path, "jobs", "--search", "1001", "--json")
    assert [job["code"] for job in found.document["data"]] == [sent.document["code"]]


async def test_a_job_with_a_file_that_is_sent_again_is_the_same_job(api: ApiUnderTest, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(picture())
    order = ("submit", UPSCALE, "--image", str(tmp_path / "photo.jpg"), "--user", "ada", "--idempotency-key", "order-1")

    first = await aijobs(api, tmp_path, *order, "--json")
    again = await aijobs(api, tmp_path, *order, "--json")

    assert again.code == Exit.SUCCESS, again.err
    assert again.document["code"] == first.document["code"]


async def test_a_code_is_never_more_than_a_code(api: ApiUnderTest, tmp_path: Path) -> None:
    code = await api.job()

    shown = await aijobs(api, tmp_path, "show", f"{code}?expand=exchange")
    climbing = await aijobs(api, tmp_path, "cancel", f"x/../{code}")
    nothing = await aijobs(api, tmp_path, "show", "")

    assert (shown.code, climbing.code, nothing.code) == (Exit.NOT_FOUND, Exit.NOT_FOUND, Exit.NOT_FOUND)


async def test_a_model_is_named_in_the_language_of_the_terminal(api: ApiUnderTest, tmp_path: Path) -> None:
    named = f'[models.{UPSCALE}]\nmodel_name = {{ en = "Enlarger", zh = "老照片放大" }}\n'
    catalogue = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"), named)
    key = (tmp_path / "key").read_text().strip()
    async with opened_installation(replace(api.dependencies, catalogue=catalogue), key) as own:
        code = await own.job()
        chinese = await aijobs(own, tmp_path, "show", code, LC_ALL="zh_CN.UTF-8")
        english = await aijobs(own, tmp_path, "show", code, LC_ALL="en_GB.UTF-8")

    assert ("老照片放大" in chinese.out, "Enlarger" in chinese.out) == (True, False)
    assert "Enlarger" in english.out


async def test_what_is_given_and_wrong_is_refused_not_left_out(api: ApiUnderTest, tmp_path: Path) -> None:
    order = ("submit", UPSCALE, "--image", PHOTO_URL, "--user")

    none = await aijobs(api, tmp_path, *order, "ada", "--output-count", "0")
    nobody = await aijobs(api, tmp_path, *order, "")

    assert (none.code, "--output-count: " in none.err) == (Exit.ERROR, True)
    assert "The API cannot be asked: '' cannot be a user.\n" in nobody.err
