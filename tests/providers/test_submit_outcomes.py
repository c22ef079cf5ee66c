"""The table by which the answer to a paid request is understood."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from aijobs.adapters.network.http_client import HttpClient, HttpReply, NoReply, NotSent
from aijobs.domain.jobs.submissions import Accepted, Ref, Rejected, Unknown
from aijobs.providers.submit_outcomes import ErrorTable, SubmitDialect, SubmitVerdict
from tests.providers.scripted_vendor import Behaviours

KEY: Final = "sk_a_key_that_must_stay_secret"


def ref_in(answer: Mapping[str, Any]) -> Ref | None:
    return {"id": answer["id"]} if answer.get("id") else None


DIALECT: Final = SubmitDialect(
    label="Acme",
    ref_in=ref_in,
    errors=ErrorTable(codes={(429, "quota"): SubmitVerdict.BLOCKED, (None, "policy"): SubmitVerdict.REJECTED}),
    code_in=lambda answer: answer.get("code"),
    message_in=lambda answer: answer.get("message"),
)


def reply(status: int, body: bytes) -> HttpReply:
    return HttpReply(status, {}, body)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (NotSent("refused"), "provider_unreachable"),
        (reply(422, b'{"message": "no such size"}'), "provider_rejected"),
        (reply(402, b"<html>pay</html>"), "provider_blocked"),
        (reply(429, b'{"code": "quota"}'), "provider_blocked"),
        (reply(429, b'{"code": "rate"}'), "provider_throttled"),
        (reply(500, b'{"code": "policy"}'), "provider_rejected"),
        (reply(200, b'{"code": "policy"}'), "provider_rejected"),
    ],
)
def test_only_what_the_table_names_was_surely_not_made(answer: HttpReply | NotSent, code: str) -> None:
    outcome = DIALECT.outcome_of(answer)

    assert isinstance(outcome, Rejected)
    assert outcome.code == code
    assert outcome.may_retry == (code in {"provider_unreachable", "provider_throttled"})


@pytest.mark.parametrize(
    "answer",
    [
        NoReply("reset"),
        reply(200, b"{}"),
        reply(200, b"<html>"),
        reply(200, b"[1]"),
        reply(302, b'{"id": "1"}'),
        reply(408, b""),
        reply(409, b'{"id": "1"}'),
        reply(500, b'{"code": "quota"}'),
    ],
)
def test_whatever_else_comes_may_have_made_the_job(answer: HttpReply | NoReply) -> None:
    assert isinstance(DIALECT.outcome_of(answer), Unknown)


def test_a_reference_in_a_success_is_the_job_whatever_else_it_says() -> None:
    assert DIALECT.outcome_of(reply(202, b'{"id": "7", "code": "policy"}')) == Accepted({"id": "7"})


@pytest.mark.parametrize("header", ["Authorization", "X-Key", "TT-API-KEY", "X-Auth-Token"])
async def test_a_key_that_a_vendor_quotes_is_taken_out(http: HttpClient, vendor_that: Any, header: str) -> None:
    vendor = await vendor_that(Behaviours.answers(401, {"message": f"Incorrect API key provided: {KEY}."}))

    answer = await http.send_once("POST", vendor.url, headers={header: f"Bearer {KEY}"}, body={})

    assert vendor.received[0].headers[header.lower()] == f"Bearer {KEY}"
    assert isinstance(answer, HttpReply)
    assert DIALECT.message_of(answer) == "Incorrect API key provided: (the key)."


async def test_an_idempotency_key_is_no_secret(http: HttpClient, vendor_that: Any) -> None:
    vendor = await vendor_that(Behaviours.answers(200, {"id": "attempt-0001"}))

    answer = await http.send_once("POST", vendor.url, headers={"Idempotency-Key": "attempt-0001"}, body={})

    assert DIALECT.outcome_of(answer) == Accepted({"id": "attempt-0001"})
