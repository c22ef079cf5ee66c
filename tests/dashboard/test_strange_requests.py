"""What no browser of ours sends is refused, and never an error of ours."""

from typing import Any, Final

import pytest

from tests.api.conftest import dependencies, key, without_temporal
from tests.api.installation import ApiUnderTest

__all__ = ["dependencies", "key", "without_temporal"]

NO_ADDRESS: Final = "http://["  #: the beginning of an IPv6 host, without its end
HTML: Final = {"Accept": "text/html"}


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"method": "GET", "url": "/nowhere", "headers": {**HTML, "Referer": NO_ADDRESS}}, 404),
        ({"method": "POST", "url": "/jobs/views", "data": {"name": "mine", "back": NO_ADDRESS}}, 303),
        ({"method": "POST", "url": "/jobs/views", "data": {"name": " ", "back": "/jobs"}, "headers": HTML}, 422),
        ({"method": "POST", "url": "/new/price", "data": {"params.upscale_factor": "9" * 400}}, 200),
        ({"method": "POST", "url": "/new/code", "data": {"params.upscale_factor": "9" * 5000}}, 200),
        ({"method": "POST", "url": "/new/price", "data": {"output_count": "9" * 5000}}, 200),
    ],
)
async def test_a_strange_request_is_answered(
    without_temporal: ApiUnderTest, request_: dict[str, Any], status: int
) -> None:
    answer = await without_temporal.http.request(**request_)

    assert answer.status_code == status, answer.text


async def test_a_job_of_another_kind_is_no_line_among_documents(without_temporal: ApiUnderTest) -> None:
    code = await without_temporal.job()

    answer = await without_temporal.http.get(f"/documents/rows?code={code}", headers=HTML)

    assert (answer.status_code, answer.text.strip()) == (200, "")


async def test_who_is_not_signed_in_goes_to_the_login_page_from_wherever_it_is(without_temporal: ApiUnderTest) -> None:
    headers = {**HTML, "Authorization": "", "HX-Request": "true", "HX-Current-URL": NO_ADDRESS}

    answer = await without_temporal.http.get("/overview/live", headers=headers)

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/login?next=")
