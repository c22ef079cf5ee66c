"""How long errors are retried, and what a job's event stream does with them: without a server."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aijobs_client import ApiError, UnexpectedResponse, Unreachable
from aijobs_client.call import Response
from aijobs_client.job_stream import JobEventStream
from aijobs_client.retries import LONGEST_PAUSE, LONGEST_RETRY_AFTER, SHORTEST_PAUSE, Retrying, parsed_retry_after

from tests.clients.scripted_server import event

FAR = "Fri, 31 Dec 99999999999999999999 00:00:00 GMT"
AWAY = Unreachable("http://127.0.0.1:1", "nobody there", was_sent=False)


def refused(retry_after: float | None = None, *, status: int = 503) -> ApiError:
    return ApiError(code="not_ready", status=status, detail="Not now.", retry_after=retry_after)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_pauses_grow_to_a_limit() -> None:
    retrying = Retrying(1000.0, clock=Clock())

    pauses = [retrying.pause_after(AWAY) for _ in range(12)]

    assert 0.25 <= pauses[0] <= 0.5
    assert 0.5 <= pauses[1] <= 1.0
    assert all(LONGEST_PAUSE / 2 <= pause <= LONGEST_PAUSE for pause in pauses[6:])


def test_the_server_says_how_long() -> None:
    retrying = Retrying(60.0, clock=Clock())

    assert retrying.pause_after(refused(30)) == 30
    assert retrying.pause_after(refused(0)) == SHORTEST_PAUSE


def test_a_pause_beyond_the_patience_is_not_begun() -> None:
    with pytest.raises(ApiError):
        Retrying(29.0, clock=Clock()).pause_after(refused(30))


def test_patience_is_counted_from_the_first_trouble_since_it_went_well() -> None:
    clock = Clock()
    retrying = Retrying(10.0, clock=clock)
    retrying.pause_after(AWAY)
    clock.now += 9.9

    with pytest.raises(Unreachable):
        retrying.pause_after(AWAY)
    retrying.reset()
    assert retrying.pause_after(AWAY) <= 0.5


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("999999999999", LONGEST_RETRY_AFTER),
        ("", None),
        ("soon", None),
        ("-1", None),
        (FAR, None),
    ],
)
def test_retry_after_is_read(header: str, seconds: float | None) -> None:
    assert parsed_retry_after(header) == seconds


def test_retry_after_may_be_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    earlier = format_datetime(datetime.now(UTC) - timedelta(seconds=90), usegmt=True)

    assert 80 < (parsed_retry_after(later) or 0) <= 90
    assert parsed_retry_after(earlier) == 0


def test_a_place_behind_the_end_hears_nothing_and_still_ends() -> None:
    stream = JobEventStream("job_1", after=10, retry_for=1.0)

    assert list(stream.feed(event(1) + event(2, status=7))) == []
    assert stream.is_over


def test_nothing_left_to_tell_is_the_end() -> None:
    stream = JobEventStream("job_1", after=2, retry_for=1.0)

    stream.handle_other_response(Response(204, {}, b""))

    assert stream.is_over


def test_what_does_not_pass_is_raised_and_trouble_behind_the_end_does_not_matter() -> None:
    stream = JobEventStream("job_1", after=0, retry_for=60.0)

    with pytest.raises(ApiError):
        stream.connection_lost(refused(status=403))
    list(stream.feed(event(1, status=6)))
    stream.connection_lost(AWAY)


def test_what_is_no_event_is_not_guessed_at() -> None:
    stream = JobEventStream("job_1", after=0, retry_for=60.0)

    with pytest.raises(UnexpectedResponse, match="job_1"):
        list(stream.feed(b"data: {}\n\n"))
    with pytest.raises(UnexpectedResponse, match="201"):
        stream.handle_other_response(Response(201, {}, b""))
