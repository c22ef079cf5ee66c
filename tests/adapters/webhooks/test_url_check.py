"""Checking webhook URLs before anything is sent."""

import pytest

from aijobs.adapters.network.host_patterns import HostPort
from aijobs.adapters.webhooks.url_check import webhook_url_error


@pytest.mark.parametrize(
    "url", ["https://example.com", "https://example.com/a?b=c#d", "https://EXAMPLE.com:443/", "https://8.8.8.8/x"]
)
def test_https_to_the_world_is_fine(url: str) -> None:
    assert webhook_url_error(url, []) is None


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("example.com/hooks", "https URL"),
        ("ftp://example.com", "https URL"),
        ("https://", "https URL"),
        ("https://example.com:0/", "https URL"),
        ("http://example.com", "port 443"),
        ("https://example.com:8443", "port 443"),
        ("https://ada:secret@example.com", "user name"),
        ("https://example.com/a b", "spaces"),
        ("https://example.com/" + "a" * 2000, "2000 characters"),
        ("https://[::1", "Must be a URL"),
        ("https://localhost", "private address"),
        ("https://metadata.localhost./", "private address"),
        ("https://127.0.0.1", "private address"),
        ("https://10.1.2.3", "private address"),
        ("https://169.254.169.254/latest", "private address"),
        ("https://[::1]", "private address"),
        ("https://[::ffff:127.0.0.1]", "private address"),
        ("https://2130706433", "private address"),
        ("https://0x7f000001", "private address"),
        ("https://127.1", "private address"),
    ],
)
def test_anything_else_is_refused_with_a_reason(url: str, error: str) -> None:
    assert error in (webhook_url_error(url, []) or "")


def test_a_host_that_the_operator_lists_may_be_inside_and_speak_plain_http() -> None:
    trusted = [HostPort.parse("127.0.0.1:9000"), HostPort.parse("intranet")]

    assert webhook_url_error("http://127.0.0.1:9000/hooks", trusted) is None
    assert webhook_url_error("http://intranet/hooks", trusted) is None
    assert webhook_url_error("https://intranet", trusted) is None
    assert webhook_url_error("http://intranet:8080", trusted) is not None
    assert webhook_url_error("http://127.0.0.1:9001/hooks", trusted) is not None
