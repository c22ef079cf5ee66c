"""Batches by the clients."""

from pathlib import Path

import pytest
from aijobs_client import ApiError

from tests.api.installation import PHOTO_URL, UPSCALE, ApiUnderTest
from tests.clients.conftest import OpenClient


async def test_a_batch_by_the_client(api: ApiUnderTest, open_client: OpenClient, tmp_path: Path) -> None:
    key = api.http.headers["Authorization"].removeprefix("Bearer ")
    client = await open_client(url=api.url, key=key, user="batcher")
    rows = ({"params": {"image": PHOTO_URL}, "metadata": {"row": str(number)}} for number in range(3))

    batch = await client("submit_batch", UPSCALE, rows, params={"upscale_factor": 4}, concurrency=2, reserve="by_row")
    canceled = await client("steer_batch", batch.code, "cancel")
    items = await client("batch_items", batch.code, status=["CANCELED"])
    listed = await client("batches")
    saved = await client("save_results", batch.code, tmp_path / "rows.csv", format="csv")

    assert (batch.total, batch.waiting, canceled.status) == (3, 3, "CANCELED")
    assert [(item.number, item.metadata, item.error.code) for item in items] == [
        (number, {"row": str(number)}, "canceled") for number in range(3)
    ]
    assert batch.code in {one.code for one in listed}
    assert len(saved.read_text("utf-8").splitlines()) == 4


async def test_wrong_rows_are_named(api: ApiUnderTest, open_client: OpenClient) -> None:
    key = api.http.headers["Authorization"].removeprefix("Bearer ")
    client = await open_client(url=api.url, key=key, user="batcher")

    with pytest.raises(ApiError) as refused:
        await client("submit_batch", UPSCALE, [{"params": {"image": 1}}])

    assert [error.pointer for error in refused.value.errors] == ["/rows/0/params/image"]
