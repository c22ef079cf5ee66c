"""The circuit breaker of a credential."""

from datetime import UTC, datetime, timedelta

import pytest

from aijobs.domain.jobs.circuits import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, Circuit, CircuitState
from aijobs.domain.jobs.submissions import Accepted, Rejected, SubmitOutcome, Unknown

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
CLOSED = Circuit(credential="local")
WORKS, LOST = Accepted({"id": "1"}), Unknown("answered 503")
AWAY = Rejected("provider_unreachable", "connection refused", may_retry=True)
UNPAID = Rejected("provider_blocked", "no credit", account_must_act=True)
SLOWER = Rejected("provider_throttled", "slow down", may_retry=True, retry_after=timedelta(seconds=30))
BUSY = Rejected("provider_throttled", "busy", may_retry=True)
WRONG = Rejected("provider_rejected", "no such picture")


def after(circuit: Circuit, *outcomes: SubmitOutcome, is_probe: bool = False) -> Circuit:
    for outcome in outcomes:
        circuit = circuit.after(outcome, now=NOW, is_probe=is_probe)
    return circuit


@pytest.mark.parametrize("failure", [LOST, AWAY])
def test_failures_in_a_row_open_it(failure: SubmitOutcome) -> None:
    assert after(CLOSED, *[failure] * (FAILURES - 1)).is_closed
    assert after(CLOSED, *[failure] * (FAILURES - 1), WORKS, failure).failures == 1

    opened = after(CLOSED, *[failure] * FAILURES)

    assert (opened.state, opened.until, opened.is_due(NOW)) == (CircuitState.OPEN, NOW + FIRST_PAUSE, False)
    assert opened.is_due(NOW + FIRST_PAUSE)


def test_an_account_that_must_act_opens_it_at_once() -> None:
    opened = after(CLOSED, UNPAID)

    assert (opened.state, opened.is_blocked, opened.reason) == (CircuitState.OPEN, True, "no credit")


@pytest.mark.parametrize("outcome", [WORKS, WRONG])
def test_a_probe_that_is_answered_closes_it(outcome: SubmitOutcome) -> None:
    assert after(after(CLOSED, UNPAID).probing(NOW), outcome, is_probe=True) == CLOSED


def test_each_probe_that_fails_waits_longer_for_the_next() -> None:
    circuit, pauses = after(CLOSED, UNPAID), []
    for _ in range(8):
        circuit = after(circuit.probing(NOW), LOST, is_probe=True)
        pauses.append(circuit.pause)

    assert pauses[:2] == [2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE
    assert not circuit.is_blocked


def test_what_was_sent_before_it_opened_does_not_close_it() -> None:
    opened = after(CLOSED, UNPAID)

    assert after(opened, WORKS) == after(opened, LOST) == after(opened, WRONG) == opened


def test_too_much_at_once_opens_nothing_and_proves_nothing() -> None:
    assert after(CLOSED, BUSY, SLOWER) == CLOSED
    assert after(after(CLOSED, UNPAID).probing(NOW), BUSY, is_probe=True).until == NOW + FIRST_PAUSE
