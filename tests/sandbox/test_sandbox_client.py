"""The official `replicate` client works against the sandbox, unchanged."""

import asyncio
import io
from typing import Any

import httpx
import pytest
from replicate.client import Client
from replicate.exceptions import ModelError, ReplicateError

from sandbox.config import SandboxConfig
from sandbox.server import RunningSandbox, running
from sandbox.vendors.replicate.models import IMAGE_UPSCALE
from tests.sandbox.caller import SandboxCaller, a_photo, format_of, size_of
from tests.sandbox.conftest import FAST

UPSCALE = "topazlabs/image-upscale"


def an_upload(name: str = "cat.png") -> io.BytesIO:
    file = io.BytesIO(a_photo(20, 10))
    file.name = name
    return file


async def test_create_wait_and_download_gives_a_larger_picture(
    client: Any, caller: SandboxCaller, http: httpx.AsyncClient
) -> None:
    request_options = {"image": caller.photo, "upscale_factor": "2x", "output_format": "png"}
    prediction = await client.models.predictions.async_create(UPSCALE, input=request_options)
    assert prediction.status == "starting"

    await prediction.async_wait()
    picture = (await http.get(prediction.output)).content

    assert prediction.status == "succeeded"
    assert (size_of(picture), format_of(picture)) == ((80, 60), "PNG")
    assert prediction.input == request_options


async def test_progress_can_be_read_from_the_logs_while_it_works(client: Any, caller: SandboxCaller) -> None:
    prediction = await client.models.predictions.async_create(
        UPSCALE, input={"image": f"{caller.photo}?sandbox_fault=never_finishes,work_seconds=0.3"}
    )
    while prediction.progress is None or prediction.progress.percentage < 0.4:
        await asyncio.sleep(0.02)
        await prediction.async_reload()

    assert prediction.status == "processing"
    assert (prediction.progress.current, prediction.progress.total) == (20, 50)


async def test_run_returns_the_link_of_the_output(client: Any, caller: SandboxCaller, http: httpx.AsyncClient) -> None:
    link = await client.async_run(UPSCALE, input={"image": caller.photo, "upscale_factor": "4x"})

    assert size_of((await http.get(link)).content) == (160, 120)


async def test_run_with_a_version_polls_until_it_ends(client: Any, caller: SandboxCaller) -> None:
    link = await client.async_run(f"{UPSCALE}:{IMAGE_UPSCALE.version}", input={"image": caller.photo}, wait=False)

    assert link.endswith("/output.jpg")


async def test_run_raises_the_error_of_a_failed_prediction(client: Any, caller: SandboxCaller) -> None:
    with pytest.raises(ModelError, match="no lighthouse"):
        await client.async_run(UPSCALE, input={"image": f"{caller.photo}?sandbox_fault=failed=no lighthouse"})


async def test_the_synchronous_client_works_too(client: Any, caller: SandboxCaller) -> None:
    prediction = await asyncio.to_thread(client.predictions.create, IMAGE_UPSCALE.version, {"image": caller.photo})

    await asyncio.to_thread(prediction.wait)

    assert prediction.status == "succeeded"
    assert prediction.version == IMAGE_UPSCALE.version


async def test_a_file_is_uploaded_and_used_as_input(client: Any, http: httpx.AsyncClient) -> None:
    prediction = await client.models.predictions.async_create(
        UPSCALE, input={"image": an_upload(), "upscale_factor": "2x"}
    )
    await prediction.async_wait()

    assert size_of((await http.get(prediction.output)).content) == (40, 20)


async def test_uploaded_files_are_found_listed_and_deleted(client: Any) -> None:
    file = await client.files.async_create(an_upload(), filename="dog.png", metadata={"job": "1"})

    assert (await client.files.async_get(file.id)).metadata == {"job": "1"}
    assert [one.name for one in await client.files.async_list()] == ["dog.png"]
    assert await client.files.async_delete(file.id)
    with pytest.raises(ReplicateError, match="404"):
        await client.files.async_get(file.id)


async def test_an_uploaded_file_can_be_downloaded_by_its_signed_link_only(client: Any, http: httpx.AsyncClient) -> None:
    file = await client.files.async_create(an_upload())

    assert (await http.get(file.urls["download"])).content == a_photo(20, 10)
    assert (await http.get(file.urls["download"][:-5])).status_code == 404


async def test_cancel_answers_with_a_final_status(client: Any, caller: SandboxCaller) -> None:
    prediction = await client.models.predictions.async_create(
        UPSCALE, input={"image": f"{caller.photo}?sandbox_fault=never_finishes"}
    )

    await prediction.async_cancel()

    assert prediction.status == "canceled"
    assert prediction.completed_at


async def test_lists_come_page_by_page_newest_first(caller: SandboxCaller) -> None:
    async with running(SandboxConfig(port=0, pace=FAST, page_size=2)) as sandbox:
        client = _client_of(sandbox)
        made = [
            (await client.models.predictions.async_create(UPSCALE, input={"image": caller.photo})).id for _ in range(5)
        ]

        first = await client.predictions.async_list()
        second = await client.predictions.async_list(first.next)
        third = await client.predictions.async_list(second.next)
        back = await client.predictions.async_list(third.previous)
        await client._async_client.aclose()

    pages = [[prediction.id for prediction in page.results] for page in (first, second, third, back)]
    assert pages == [made[:2:-1], made[2:0:-1], made[:1], made[2:0:-1]]
    assert first.previous is None
    assert third.next is None


async def test_the_model_and_the_account_are_described(client: Any) -> None:
    model = await client.models.async_get(UPSCALE)
    account = await client.accounts.async_current()

    assert model.latest_version.id == IMAGE_UPSCALE.version
    assert account.username == "sandbox"


def _client_of(sandbox: RunningSandbox) -> Any:
    return Client("r8_any", base_url=sandbox.url)
