"""What declared vendors say by codes and lists: errors within a success, results that are refused, lines of a bill."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import pytest

from aijobs.domain.errors import ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.submissions import Rejected, Unknown
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Charge, Task
from aijobs.providers.registry import SHIPPED
from tests.providers.conftest import SHORT
from tests.providers.scripted_vendor import Behaviour, Behaviours, ScriptedVendor

answers = Behaviours.answers
Vendor = Callable[..., Awaitable[tuple[Provider, ScriptedVendor]]]
SUCCESS: Final = {"task_id": "1", "status": "Success", "file_id": "2", "base_resp": {"status_code": 0}}


@pytest.fixture
def declared(stack: AsyncExitStack, vendor_that: Callable[..., Awaitable[ScriptedVendor]]) -> Vendor:
    async def open_it(name: str, *behaviours: Behaviour) -> tuple[Provider, ScriptedVendor]:
        vendor = await vendor_that(*behaviours)
        package = SHIPPED[name]
        section = package.settings.model_validate({"token": "a_key_of_the_vendor_01", "base_url": vendor.url})
        return await stack.enter_async_context(package.opened(section, timeouts=SHORT)), vendor

    return open_it


def kling(code: int) -> dict[str, Any]:
    return {"code": code, "message": "no", "request_id": "r1"}


def dashscope(code: str) -> dict[str, Any]:
    return {"code": code, "message": "no", "request_id": "r1"}


def minimax(code: int) -> dict[str, Any]:
    return {"base_resp": {"status_code": code, "status_msg": "no"}}


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("name", "answer", "meaning"),
    [
        ("kling", kling(1000), "provider_rejected"),
        ("kling", kling(1100), "provider_blocked"),
        ("kling", kling(1200), "provider_rejected"),
        ("kling", kling(1301), "provider_rejected"),
        ("kling", kling(1303), "provider_throttled"),
        ("kling", kling(5000), None),
        ("kling", kling(1201), None),
        ("dashscope", dashscope("InvalidParameter"), "provider_rejected"),
        ("dashscope", dashscope("DataInspectionFailed"), "provider_rejected"),
        ("dashscope", dashscope("Arrearage"), "provider_blocked"),
        ("dashscope", dashscope("Throttling.RateQuota"), "provider_throttled"),
        ("minimax", minimax(1026), "provider_rejected"),
        ("minimax", minimax(1008), "provider_blocked"),
        ("minimax", minimax(1002), "provider_throttled"),
    ],
)
async def test_a_code_means_the_same_within_a_success(
    declared: Vendor, task: Task, name: str, answer: dict[str, Any], meaning: str | None, status: int
) -> None:
    provider, _ = await declared(name, answers(status, answer))

    outcome = await provider.submit(provider.build_request(replace(task, params={"prompt": "a cat"})))

    if meaning is None:
        assert isinstance(outcome, Unknown)
    else:
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.message) == (meaning, "no")


@pytest.mark.parametrize(
    ("lines", "amount"),
    [
        ([{"charge_type": "unit", "amount": "2.5"}], Decimal("2.5")),
        ([{"charge_type": "cash", "amount": 3, "currency": "USD"}, {"charge_type": "unit", "amount": 1}], Decimal(1)),
        ([{"charge_type": "cash", "amount": 3, "currency": "USD"}], None),
    ],
)
async def test_money_is_not_counted_as_units(declared: Vendor, lines: list[Any], amount: Decimal | None) -> None:
    task = {"id": "7", "status": "succeeded", "outputs": [], "billing": lines}
    provider, _ = await declared("kling", answers(200, {"code": 0, "data": [task]}))

    charge = (await provider.query({"id": "7"})).charge

    assert charge == (None if amount is None else Charge(amount=amount, unit="units"))


@pytest.mark.parametrize("code", ["InternalError", "RequestTimeOut"])
async def test_a_code_that_is_not_named_leaves_the_doubt(declared: Vendor, task: Task, code: str) -> None:
    provider, _ = await declared("dashscope", answers(200, dashscope(code)))

    outcome = await provider.submit(provider.build_request(replace(task, params={"prompt": "a cat"})))

    assert isinstance(outcome, Unknown)


@pytest.mark.parametrize(
    ("code", "error"),
    [(1002, ProviderUnavailable), (1000, ProviderUnavailable), (2013, ProviderFailed)],
    ids=["rate limit", "trouble", "no such file"],
)
async def test_results_that_are_refused_for_now_are_asked_for_again(
    declared: Vendor, code: int, error: type[Exception]
) -> None:
    provider, vendor = await declared("minimax", answers(200, SUCCESS), answers(200, minimax(code)))
    finished = await provider.query({"id": "1"})

    with pytest.raises(error, match="gives no results: no"):
        await provider.outputs({"id": "1"}, finished)
    assert vendor.received[1].path == "/v1/files/retrieve?file_id=2"
