"""Parsing Retry-After."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from aijobs.adapters.network.retry_after import parsed_retry_after

AN_HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (None, None),
        ("7", timedelta(seconds=7)),
        ("0", timedelta(0)),
        ("99999999999", AN_HOUR),
        ("-5", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", timedelta(0)),
        ("Fri, 21 Oct 2155 07:28:00 GMT", AN_HOUR),
        ("Fri, 31 Dec 99999999999999999999 00:00:00 GMT", None),
        ("Fri, 31 Dec 2026 00:00:00 +99999999999999999999", None),
        ("Fri, 31 Dec 2026 00:00:99999999999999999999 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(written: str | None, meant: timedelta | None) -> None:
    assert parsed_retry_after(written, at_most=AN_HOUR) == meant


def test_a_date_soon_is_waited_for() -> None:
    wait = parsed_retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True), at_most=AN_HOUR)

    assert wait is not None
    assert timedelta(seconds=50) < wait <= timedelta(seconds=60)
