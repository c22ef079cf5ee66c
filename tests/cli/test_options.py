"""Options: times as people write them."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from cli.errors import CommandError
from cli.options import moment, past_moment

NOW = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def in_shanghai() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Asia/Shanghai"
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("22:00", "2026-11-22T22:00:00+08:00"),
        ("22:31", "2026-11-21T22:31:00+08:00"),
        ("7:05", "2026-11-22T07:05:00+08:00"),
        ("2026-11-21 22:00", "2026-11-21T22:00:00+08:00"),
        ("2026-11-21T22:00Z", "2026-11-21T22:00:00+00:00"),
        ("2026-11-21T22:00:00.5-05:00", "2026-11-21T22:00:00.500000-05:00"),
    ],
)
def test_a_time_is_of_here_unless_it_says_so(text: str, at: str) -> None:
    assert moment(text, now=NOW) == at


@pytest.mark.parametrize("text", ["", "tomorrow", "24:00", "22:60", "2026-13-01T00:00", "0001-01-01T00:00", "١٢:٠٠"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="is no time"):
        moment(text, now=NOW)


def test_no_time_is_none() -> None:
    assert moment(None) is None


def test_what_is_longer_ago_than_the_calendar_is_refused() -> None:
    with pytest.raises(CommandError, match="999999d is longer than the calendar"):
        past_moment("999999d")


def test_a_time_of_day_in_the_past_is_the_last_one() -> None:
    clock = datetime.now(UTC) - timedelta(minutes=5)

    at = past_moment(f"{clock.astimezone():%H:%M}")

    assert at is not None
    assert timedelta(0) <= clock - datetime.fromisoformat(at) < timedelta(minutes=1)
