"""Results: listed, linked, and served for a valid link."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from aijobs.adapters.storage.signed_links import LinkSigner
from tests.api.installation import SECRET, ApiUnderTest
from tests.api.pictures import picture


def local(url: str) -> str:
    """The same link on the address where the test's API listens."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


async def test_an_output_is_shown_with_a_signed_link_that_works(shared_api: ApiUnderTest) -> None:
    code, content = await shared_api.job("ada"), picture(kind="PNG")
    stored = await shared_api.keep_output(code, content)
    (output,) = (await shared_api.http.get(f"/api/jobs/{code}/outputs")).json()["data"]
    served = await shared_api.http.get(local(output["url"]), headers={"Authorization": ""})

    assert output == {
        "index": 0,
        "kind": "image",
        "media_type": "image/png",
        "size": len(content),
        "sha256": stored.sha256,
        "url": output["url"],
        "original_url": "https://replicate.delivery/out.png",
        "width": 64,
        "height": 48,
        "create_time": output["create_time"],
    }
    assert (served.content, served.headers["Content-Type"]) == (content, "image/png")
    assert served.headers["Content-Disposition"].startswith(f'inline; filename="{code}_0.png"')
    assert served.headers["X-Content-Type-Options"] == "nosniff"
    assert served.headers["Content-Length"] == str(len(content))
    assert "sandbox" in served.headers["Content-Security-Policy"]
    assert (await shared_api.http.get(f"/api/jobs/{code}")).json()["outputs"][0]["sha256"] == stored.sha256


async def test_an_output_by_its_number_redirects_to_a_fresh_link(shared_api: ApiUnderTest) -> None:
    code, content = await shared_api.job("ada"), picture(kind="PNG")
    await shared_api.keep_output(code, content)
    answer = await shared_api.http.get(f"/api/jobs/{code}/outputs/0")

    assert answer.status_code == 307
    assert (await shared_api.http.get(local(answer.headers["Location"]))).content == content
    assert (await shared_api.http.get(f"/api/jobs/{code}/outputs/1")).status_code == 404


async def test_a_range_of_it_can_be_read(shared_api: ApiUnderTest) -> None:
    code, content = await shared_api.job("ada"), picture(kind="PNG")
    await shared_api.keep_output(code, content)
    link = local((await shared_api.http.get(f"/api/jobs/{code}/outputs/0")).headers["Location"])
    part = await shared_api.http.get(link, headers={"Range": "bytes=10-19"})
    head = await shared_api.http.head(link)

    assert (part.status_code, part.content) == (206, content[10:20])
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, str(len(content)), b"")


async def test_a_range_that_means_nothing_is_ignored_and_one_behind_the_end_is_a_problem(
    shared_api: ApiUnderTest,
) -> None:
    code, content = await shared_api.job("ada"), picture(kind="PNG")
    await shared_api.keep_output(code, content)
    link = local((await shared_api.http.get(f"/api/jobs/{code}/outputs/0")).headers["Location"])

    for nothing in (
        "bytes=5-1",
        "bytes=a-b",
        "bytes=",
        "items=0-1",
        "bytes=-",
        "bytes=0-0,x",
        "bytes=" + "9" * 30 + "-",
    ):
        answer = await shared_api.http.get(link, headers={"Range": nothing})
        assert (answer.status_code, answer.content) == (200, content), nothing
    for beyond in (f"bytes={len(content)}-", "bytes=-0", "bytes=999999-,888888-999999"):
        refused = await shared_api.http.get(link, headers={"Range": beyond})
        assert (refused.status_code, refused.headers["Content-Range"]) == (416, f"bytes */{len(content)}"), beyond
        assert refused.headers["Content-Type"] == "application/problem+json"
    for part, wanted in (
        ("bytes=-3", content[-3:]),
        ("Bytes = 1-1", content[1:2]),
        (f"bytes=2-{'9' * 18}", content[2:]),
    ):
        answer = await shared_api.http.get(link, headers={"Range": part})
        assert (answer.status_code, answer.content) == (206, wanted), part


@pytest.mark.parametrize(
    ("old", "new"),
    [("outputs/", "outputs/../"), ("image%2Fpng", "text%2Fhtml"), ("0.png&", "x.html&"), ("expires=", "expires=9")],
)
async def test_a_link_that_was_tampered_with_is_refused(shared_api: ApiUnderTest, old: str, new: str) -> None:
    code = await shared_api.job("ada")
    await shared_api.keep_output(code, picture(kind="PNG"))
    link = local((await shared_api.http.get(f"/api/jobs/{code}/outputs/0")).headers["Location"])
    answer = await shared_api.http.get(link.replace(old, new))

    assert answer.status_code in {403, 404}


async def test_a_link_without_a_signature_or_after_its_time_is_refused(shared_api: ApiUnderTest) -> None:
    code = await shared_api.job("ada")
    output = await shared_api.keep_output(code, picture(kind="PNG"))
    signer = LinkSigner(SECRET, shared_api.dependencies.base_url)
    expired = signer.sign(output.key, lifetime=timedelta(-1), filename="a.png", media_type="image/png")
    gone = signer.sign("outputs/none.png", lifetime=timedelta(9), filename="a.png", media_type="image/png")

    assert (await shared_api.http.get(f"/api/store/{output.key}")).status_code == 422
    assert (await shared_api.http.get(local(expired))).status_code == 404
    assert (await shared_api.http.get(local(gone))).status_code == 404
