"""Finding a prediction whose create got no response, and never a wrong one."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from aijobs.adapters.network.http_client import Timeouts
from aijobs.domain.errors import ProviderUnavailable
from aijobs.domain.jobs.submissions import Found, Search, Submission
from aijobs.providers.replicate.reconcile import SETTLED_AFTER

At = Callable[..., Awaitable[Any]]
Lost = Callable[..., Submission]

INPUT = {"image": "https://example.com/in.png", "upscale_factor": "4x", "face_enhancement_creativity": 0.0}
BODY = {"input": INPUT}
MARKED = {"input": {**INPUT, "image": "https://our.store/in.png?a=sub_0042"}}
SETTLED = timedelta(minutes=10)
NOBODY = frozenset[str]()


def item(prediction_id: str, **fields: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"id": prediction_id, "status": "starting", "source": "api", "created_at": now, "input": INPUT, **fields}


def page(*items: Any, following: str | None = None) -> dict[str, Any]:
    return {"next": following, "previous": None, "results": list(items)}


@pytest.fixture
def searched(replicate_at: At, vendor_that: At, server: Any) -> At:
    async def search(submission: Submission, *items: Any, known_ids: frozenset[str] = NOBODY) -> Any:
        vendor = await vendor_that(server.answers(200, page(*items)))
        replicate = await replicate_at(vendor.url)
        return await replicate.reconcile(submission, known_ids=known_ids)

    return search


def found_id(result: Any) -> str:
    assert isinstance(result, Found)
    assert result.ref.keys() == {"id", "get", "cancel"}
    return str(result.ref["id"])


async def test_the_token_in_an_input_is_a_proof(searched: At, lost: Lost) -> None:
    result = await searched(lost(body=MARKED), item("other"), item("ours", **MARKED), item("another"))

    assert found_id(result) == "ours"


async def test_the_token_in_a_webhook_is_a_proof(searched: At, lost: Lost) -> None:
    ours = item("ours", webhook="https://us/hooks/sub_0042", input=None, data_removed=True)

    assert found_id(await searched(lost(body=BODY), item("other"), ours)) == "ours"


async def test_the_only_one_with_the_same_input_is_ours_whatever_model_it_names(searched: At, lost: Lost) -> None:
    same = item("ours", model="replicate/lifeboat-70b", input={**INPUT, "face_enhancement_creativity": 0})

    assert (
        found_id(await searched(lost(body=BODY), same, item("other", input={**INPUT, "upscale_factor": "2x"})))
        == "ours"
    )


async def test_two_that_look_alike_prove_nothing(searched: At, lost: Lost) -> None:
    result = await searched(lost(body=BODY, age=SETTLED), item("one"), item("two"))

    assert result is Search.NOT_YET


async def test_what_belongs_to_others_is_left_to_them(searched: At, lost: Lost) -> None:
    result = await searched(lost(body=BODY), item("theirs"), item("ours"), known_ids=frozenset({"theirs"}))

    assert found_id(result) == "ours"


@pytest.mark.parametrize(
    "foreign",
    [
        {"created_at": "2020-01-01T00:00:00.123456789Z"},
        {"webhook": "https://us/hooks/sub_0043"},
        {"source": "web"},
        {"input": {**INPUT, "extra": 1}},
        {"id": 7},
    ],
    ids=["from long before", "another's webhook", "made on the web page", "another input", "without an id"],
)
async def test_what_cannot_be_ours_is_not_taken_for_it(searched: At, lost: Lost, foreign: dict[str, Any]) -> None:
    result = await searched(lost(body=BODY, age=SETTLED), {**item("other"), **foreign}, "nonsense", None)

    assert result is Search.ABSENT


@pytest.mark.parametrize(
    ("age", "result"),
    [
        (timedelta(seconds=1), Search.NOT_YET),
        (SETTLED_AFTER - timedelta(seconds=5), Search.NOT_YET),
        (SETTLED_AFTER + timedelta(seconds=5), Search.ABSENT),
        (timedelta(minutes=59), Search.ABSENT),
        (timedelta(minutes=61), Search.IMPOSSIBLE),
    ],
)
async def test_it_is_absent_only_when_the_list_has_settled_and_inputs_are_still_kept(
    searched: At, lost: Lost, age: timedelta, result: Search
) -> None:
    assert await searched(lost(body=BODY, age=age)) is result


async def test_the_list_has_time_to_settle_after_the_longest_send() -> None:
    assert timedelta(minutes=2) + Timeouts().whole <= SETTLED_AFTER


async def test_an_erased_input_might_have_been_ours(searched: At, lost: Lost) -> None:
    erased = item("somebody's", input=None, data_removed=True)

    assert await searched(lost(body=BODY, age=SETTLED), erased) is Search.NOT_YET


async def test_a_late_find_is_still_a_find(searched: At, lost: Lost) -> None:
    long_ago = timedelta(hours=2)
    submission = lost(body=MARKED, age=long_ago)
    created = submission.intent_at + timedelta(seconds=1)

    result = await searched(submission, item("ours", created_at=created.isoformat(), **MARKED))

    assert found_id(result) == "ours"


async def test_every_page_of_the_time_in_question_is_read(
    replicate_at: At, vendor_that: At, server: Any, lost: Lost
) -> None:
    vendor = await vendor_that(server.answers(500))
    following = f"{vendor.url}/v1/predictions?cursor=2"
    vendor.behaviours = (
        server.answers(200, page(item("one", input={}), following=following)),
        server.answers(200, page(item("ours"))),
    )
    replicate = await replicate_at(vendor.url)
    submission = lost(body=BODY)

    result = await replicate.reconcile(submission, known_ids=NOBODY)

    assert found_id(result) == "ours"
    first, second = (urlsplit(received.path) for received in vendor.received)
    query = {name: datetime.fromisoformat(value) for name, (value,) in parse_qs(first.query).items()}
    assert query["created_after"] < submission.intent_at < query["created_before"]
    assert second.query == "cursor=2"


async def test_pages_elsewhere_are_not_read_and_prove_nothing(
    replicate_at: At, vendor_that: At, server: Any, lost: Lost
) -> None:
    elsewhere = await vendor_that(server.answers(200, page()))
    vendor = await vendor_that(server.answers(200, page(item("alike"), following=f"{elsewhere.url}/v1/predictions")))
    replicate = await replicate_at(vendor.url)

    result = await replicate.reconcile(lost(body=BODY, age=SETTLED), known_ids=NOBODY)

    assert result is Search.NOT_YET
    assert elsewhere.connections == 0


async def test_a_list_without_end_is_given_up_and_proves_nothing(
    replicate_at: At, vendor_that: At, server: Any, lost: Lost
) -> None:
    vendor = await vendor_that(server.answers(500))
    vendor.behaviours = (server.answers(200, page(following=f"{vendor.url}/v1/predictions?cursor=again")),)
    replicate = await replicate_at(vendor.url)

    assert await replicate.reconcile(lost(body=BODY, age=SETTLED), known_ids=NOBODY) is Search.NOT_YET
    assert vendor.connections == 100


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (200, {"results": None}), (401, {}), (503, {})])
async def test_a_list_that_cannot_be_read_is_asked_for_again(
    replicate_at: At, vendor_that: At, server: Any, lost: Lost, status: int, body: Any
) -> None:
    vendor = await vendor_that(server.answers(status, body))
    replicate = await replicate_at(vendor.url)

    with pytest.raises(ProviderUnavailable):
        await replicate.reconcile(lost(body=BODY, age=SETTLED), known_ids=NOBODY)
