"""Thumbnails of outputs: of pictures that a browser shows, and never of one that breaks the decoder."""

from collections.abc import Callable

import pytest

from aijobs.domain.lifecycle import JobStatus
from tests.adapters.media import bombs
from tests.api.pictures import picture
from tests.dashboard.installation import DashboardUnderTest


@pytest.mark.parametrize(
    ("make", "status"),
    [
        (lambda: picture(640, 480, "PNG"), 200),
        (lambda: picture(9000, 6000), 200),
        (lambda: bombs.one_colour(9400), 404),
        (lambda: picture(640, 480, "PNG")[:2000], 404),
        (lambda: b"words", 404),
    ],
    ids=["png", "large jpeg", "bomb", "cut off", "no picture"],
)
async def test_an_output_has_a_thumbnail_when_it_can_be_decoded(
    dashboard: DashboardUnderTest, make: Callable[[], bytes], status: int
) -> None:
    code = await dashboard.installation.job()
    await dashboard.installation.push(code, JobStatus.PROCESSING, JobStatus.GENERATED, JobStatus.MIGRATING)
    await dashboard.installation.keep_output(code, make())

    response = await dashboard.installation.http.get(f"/jobs/{code}/thumbnail/0")

    assert response.status_code == status
    assert (response.headers["Content-Type"] == "image/webp") is (status == 200)
