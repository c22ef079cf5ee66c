"""What fal's answers prove: a result that is refused for now is no failure, and a locked account has to pay first."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from aijobs.domain.errors import ProviderBlocked, ProviderUnavailable
from aijobs.domain.jobs.submissions import ProviderRequest, Rejected
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import InputFile
from tests.providers.parts import PHOTO

FalAt = Callable[[str], Awaitable[Provider]]
EXHAUSTED: Final = {
    "detail": "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."
}


def ref_at(url: str) -> dict[str, str]:
    return {
        "id": "r",
        "status_url": f"{url}/r/status",
        "response_url": f"{url}/r",
        "cancel_url": f"{url}/r/cancel",
    }


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (502, b"<html>"),
        (200, b"<html>Please sign in</html>"),
        (302, b""),
        (401, {"detail": "Authentication is required to access this application."}),
        (403, EXHAUSTED),
        (403, b"<html>Blocked</html>"),
    ],
)
async def test_a_result_that_cannot_be_fetched_now_is_asked_for_again(
    vendor_that: Any, server: Any, fal_at: FalAt, status: int, body: Any
) -> None:
    vendor = await vendor_that(server.answers(200, {"status": "COMPLETED"}), server.answers(status, body))

    with pytest.raises(ProviderUnavailable):
        await (await fal_at(vendor.url)).query(ref_at(vendor.url))


async def test_a_locked_account_has_to_pay_first(vendor_that: Any, server: Any, fal_at: FalAt) -> None:
    forbidden = {"detail": "You do not have access to this model."}
    vendor = await vendor_that(server.answers(403, EXHAUSTED), server.answers(403, forbidden))
    fal = await fal_at(vendor.url)

    outcomes = [await fal.submit(ProviderRequest("POST", f"{vendor.url}/a/b", {})) for _ in range(2)]

    codes = [outcome.code for outcome in outcomes if isinstance(outcome, Rejected)]
    assert codes == ["provider_blocked", "provider_rejected"]


async def test_a_locked_account_uploads_nothing(vendor_that: Any, server: Any, fal_at: FalAt) -> None:
    vendor = await vendor_that(server.answers(403, EXHAUSTED))

    async def chunks() -> Any:
        yield PHOTO

    file = InputFile(name="photo.png", media_type="image/png", size=len(PHOTO), chunks=chunks)

    with pytest.raises(ProviderBlocked, match="Exhausted balance"):
        await (await fal_at(vendor.url)).attach(file, token="sub_1")
