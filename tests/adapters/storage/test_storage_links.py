"""Signed links to objects in a directory."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aijobs.adapters.storage.content_disposition import content_disposition
from aijobs.adapters.storage.signed_links import LinkSigner
from aijobs.domain.errors import NotAllowed, NotFound

AN_HOUR = timedelta(hours=1)
NOON = 1_800_000_000


def a_signer(secret: bytes = b"a secret of some length", *, now: float = NOON) -> LinkSigner:
    return LinkSigner(secret, "https://jobs.example/", now=lambda: now)


def parts_of(link: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}


def verify(signer: LinkSigner, key: str, parts: dict[str, str]) -> None:
    signer.verify(
        key,
        filename=parts["filename"],
        media_type=parts["type"],
        expires=int(parts["expires"]),
        signature=parts["signature"],
    )


def test_a_link_has_the_form_that_the_api_serves() -> None:
    link = a_signer().sign("outputs/job_1/0.png", lifetime=AN_HOUR, filename="a b.png", media_type="image/png")

    assert link.startswith("https://jobs.example/api/store/outputs/job_1/0.png?filename=a+b.png&type=image%2Fpng&")
    assert parts_of(link)["expires"] == str(NOON + 3600)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text("ab/.", min_size=1))
def test_what_was_signed_is_accepted_until_it_expires(filename: str, key: str) -> None:
    signature_of = a_signer()._signature(key, filename, "image/png", NOON + 1)

    accept = {"filename": filename, "media_type": "image/png", "expires": NOON + 1, "signature": signature_of}
    a_signer().verify(key, **accept)  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="expired"):
        a_signer(now=NOON + 1).verify(key, **accept)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"filename": "b.png"},
        {"type": "text/html"},
        {"expires": str(NOON + 9999)},
        {"signature": "x"},
        {"signature": "é"},
    ],
)
def test_whatever_is_changed_makes_it_a_forgery(change: dict[str, str]) -> None:
    parts = parts_of(a_signer().sign("a/b.png", lifetime=AN_HOUR, filename="a.png", media_type="image/png"))

    with pytest.raises(NotAllowed):
        verify(a_signer(), "a/b.png", parts | change)


def test_a_forgery_is_one_even_after_it_expired() -> None:
    parts = parts_of(a_signer().sign("a/b.png", lifetime=AN_HOUR, filename="a.png", media_type="image/png"))

    with pytest.raises(NotAllowed):
        verify(a_signer(now=NOON + 9999), "a/c.png", parts)


def test_fields_cannot_be_moved_into_one_another() -> None:
    parts = parts_of(a_signer().sign("a", lifetime=AN_HOUR, filename='b", "c', media_type="d"))

    with pytest.raises(NotAllowed):
        verify(a_signer(), 'a", "b', parts | {"filename": "c"})


def test_another_secret_signs_other_links() -> None:
    parts = parts_of(a_signer().sign("a", lifetime=AN_HOUR, filename="a", media_type="image/png"))

    with pytest.raises(NotAllowed):
        verify(a_signer(b"another secret of some length"), "a", parts)


def test_a_short_secret_is_none() -> None:
    with pytest.raises(ValueError, match="at least 16 bytes"):
        LinkSigner(b"short", "https://jobs.example")


@pytest.mark.parametrize(
    ("filename", "written"),
    [
        ("a.png", "inline; filename=\"a.png\"; filename*=UTF-8''a.png"),
        ('a"; x="\r\nSet-Cookie: b', 'filename="a_; x=___Set-Cookie: b";'),
        ("../../etc/passwd", 'filename=".._.._etc_passwd";'),
        ("灯塔.png", "filename=\"__.png\"; filename*=UTF-8''%E7%81%AF%E5%A1%94.png"),
        ("gnp\u202e.exe", 'filename="gnp_.exe";'),
        ("", 'filename="file";'),
    ],
)
def test_a_name_of_any_kind_stays_a_name(filename: str, written: str) -> None:
    header = content_disposition(filename, "image/png")

    assert written in header
    assert header.isascii()
    assert "\n" not in header


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "application/pdf", "application/octet-stream"])
def test_what_could_run_is_saved_and_not_shown(media_type: str) -> None:
    assert content_disposition("a", media_type).startswith("attachment;")
