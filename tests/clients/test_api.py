"""Both clients over the real API."""

import asyncio
import hashlib
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aijobs_client import ApiError, JobFailed, JobStatus
from aijobs_client.errors import FieldProblem

from aijobs.domain.lifecycle import JobStatus as Status
from tests.api.installation import PHOTO_URL, UPSCALE, ApiUnderTest
from tests.api.pictures import picture
from tests.clients.conftest import AnyClient

WAY = (Status.SUBMITTED, Status.PROCESSING, Status.GENERATED, Status.MIGRATING)


async def test_a_job_is_handed_in_and_found(ada: AnyClient, user: str) -> None:
    job = await ada("submit", UPSCALE, {"image": PHOTO_URL}, metadata={"album": "holidays"})

    found = await ada("job", job.code, exchange=True)

    assert (found.user_id, found.job_status, found.metadata) == (user, JobStatus.DRAFT, {"album": "holidays"})
    assert not found.is_final
    assert [listed.code for listed in await ada("jobs")] == [job.code]


async def test_a_job_is_deleted_when_it_has_ended(api: ApiUnderTest, ada: AnyClient, user: str) -> None:
    code = await api.job(user)

    with pytest.raises(ApiError) as refused:
        await ada("delete_job", code)
    await api.push(code, Status.FAILED)
    await ada("delete_job", code)

    assert refused.value.code == "still_in_use"
    assert await ada("jobs") == []


async def test_the_history_so_far_is_read_without_waiting(api: ApiUnderTest, ada: AnyClient, user: str) -> None:
    code = await api.job(user)
    await api.push(code, Status.SUBMITTED, Status.PROCESSING)

    whole, rest = await ada("history", code), await ada("history", code, after=2)

    assert [event.job_status_name for event in whole] == ["DRAFT", "SUBMITTED", "PROCESSING"]
    assert rest == whole[2:]


async def test_a_user_is_exported_and_erased(api: ApiUnderTest, ada: AnyClient, user: str, tmp_path: Path) -> None:
    code = await api.job(user)

    file = await ada("export_user", user, tmp_path / "all.zip")
    requested = await ada("erase_user", user)
    state = await ada("erasure", requested.code)

    with zipfile.ZipFile(file) as archive:
        assert code.encode() in archive.read("jobs.jsonl")
    assert (state.code, state.status, state.ended_at) == (requested.code, "RUNNING", None)


async def test_the_same_key_hands_in_one_job(ada: AnyClient) -> None:
    first = await ada("submit", UPSCALE, {"image": PHOTO_URL}, idempotency_key="order-1")
    second = await ada("submit", UPSCALE, {"image": PHOTO_URL}, idempotency_key="order-1")

    assert second.code == first.code


async def test_lists_are_newest_first_and_filtered(api: ApiUnderTest, ada: AnyClient, user: str) -> None:
    codes = [await api.job(user) for _ in range(3)]
    await api.push(codes[0], Status.FAILED)
    now = datetime.now(UTC)

    assert [job.code for job in await ada("jobs", created_after=now - timedelta(hours=1))] == codes[::-1]
    assert [job.code for job in await ada("jobs", status=["FAILED", "SUCCESS"])] == codes[:1]
    assert await ada("jobs", created_before=now - timedelta(hours=1)) == []


async def test_a_time_without_a_zone_is_refused_here(ada: AnyClient) -> None:
    with pytest.raises(ValueError, match="time zone"):
        await ada("jobs", created_after=datetime(2026, 1, 1))  # noqa: DTZ001


async def test_waiting_hears_everything_and_ends_with_the_job(api: ApiUnderTest, ada: AnyClient, user: str) -> None:
    code = await api.job(user)
    names: list[str] = []
    waiting = asyncio.create_task(ada("wait", code, timeout=30, on_event=lambda e: names.append(e.job_status_name)))

    await api.push(code, *WAY, Status.SUCCESS)
    job = await waiting

    assert job.succeeded
    assert names == ["DRAFT", *(status.name for status in WAY), "SUCCESS"]


async def test_a_job_that_fails_raises_with_its_reason(api: ApiUnderTest, ada: AnyClient, user: str) -> None:
    code = await api.job(user)
    await api.push(code, Status.FAILED)

    with pytest.raises(JobFailed, match="As the test wants it") as failed:
        await ada("wait", code)

    assert failed.value.job.code == code


async def test_events_behind_the_last_one_are_an_empty_list(api: ApiUnderTest, ada: AnyClient, user: str) -> None:
    code = await api.job(user)
    await api.push(code, Status.FAILED)

    assert [event.seq for event in await ada("events", code, after=1)] == [2]
    assert await ada("events", code, after=2) == []


async def test_a_refusal_names_each_field(ada: AnyClient) -> None:
    with pytest.raises(ApiError, match="/params/upscale_factor") as refused:
        await ada("submit", UPSCALE, {"image": PHOTO_URL, "upscale_factor": 3})

    assert (refused.value.code, refused.value.status) == ("invalid_parameters", 422)
    assert [type(wrong) for wrong in refused.value.errors] == [FieldProblem]
    assert refused.value.request_id


async def test_somebody_elses_job_is_not_there(api: ApiUnderTest, ada: AnyClient, user: str) -> None:
    code = await api.job(user)

    with pytest.raises(ApiError) as refused:
        await ada.for_user("布鲁诺")("wait", code)

    assert refused.value.status == 404


async def test_users_share_a_client(ada: AnyClient, user: str) -> None:
    bruno = ada.for_user("布鲁诺")

    assert (await ada("points")).user_id == user
    assert (await bruno("points")).user_id == "布鲁诺"


async def test_a_photo_is_handed_in(ada: AnyClient, tmp_path: Path) -> None:
    photo = tmp_path / "日落.jpg"
    photo.write_bytes(picture())

    file = await ada("upload", photo)

    assert (file.name, file.width, file.media_type) == ("日落.jpg", 64, "image/jpeg")
    assert file.sha256 == hashlib.sha256(photo.read_bytes()).hexdigest()


async def test_a_photo_that_is_not_there_is_an_error_of_the_system(ada: AnyClient, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await ada("upload", tmp_path / "none.jpg")


async def test_outputs_are_fetched_and_checked(api: ApiUnderTest, ada: AnyClient, user: str, tmp_path: Path) -> None:
    code, folder = await api.job(user), tmp_path / "new" / "results"
    await api.push(code, *WAY)
    contents = [picture(kind="PNG"), picture(kind="PNG")]
    for index, content in enumerate(contents):
        await api.keep_output(code, content, index)
    await api.push(code, Status.SUCCESS)
    job = await ada("job", code)

    files = await ada("download", job, f"{folder}/")
    single = await ada("download", job.outputs[1], tmp_path / "second.png")

    assert files == [folder / f"{code}_0.png", folder / f"{code}_1.png"]
    assert [file.read_bytes() for file in [*files, *single]] == [*contents, contents[1]]
    assert sorted(folder.iterdir()) == files


async def test_several_outputs_need_a_directory(api: ApiUnderTest, ada: AnyClient, user: str, tmp_path: Path) -> None:
    code = await api.job(user)
    job = await ada("job", code)

    with pytest.raises(ValueError, match="no output"):
        await ada("download", job, tmp_path)

    await api.push(code, *WAY)
    for index in range(2):
        await api.keep_output(code, picture(kind="PNG"), index)
    with pytest.raises(ValueError, match="2 outputs"):
        await ada("download", await ada("job", code), tmp_path / "file.png")


async def test_the_catalogue_says_what_a_model_takes(ada: AnyClient) -> None:
    models = {model.model_id: model for model in await ada("models")}

    assert models[UPSCALE].configured
    assert models[UPSCALE].parameters["properties"]["upscale_factor"]


async def test_a_rerun_is_a_new_job(api: ApiUnderTest, ada: AnyClient, user: str) -> None:
    code = await api.job(user)
    await api.push(code, Status.FAILED)

    again = await ada("rerun", code, start="start")

    assert again.code != code


async def test_what_has_no_method_is_asked_for_by_its_path(ada: AnyClient) -> None:
    dictionaries = await ada("request", "GET", "/api/dicts")

    assert dictionaries["statuses"][6]["name"] == "SUCCESS"
