"""Static files of our own, and of other projects."""

import base64
import hashlib
import json

import pytest

from dashboard.assets import FOLDER, asset_urls
from tests.dashboard.installation import DashboardUnderTest
from tests.patience import http_client

VENDOR = FOLDER / "vendor"
MANIFEST = json.loads((VENDOR / "manifest.json").read_text("utf-8"))


@pytest.mark.parametrize("entry", MANIFEST, ids=lambda entry: entry["file"])
def test_what_others_wrote_is_what_the_manifest_says(entry: dict[str, str]) -> None:
    digest = hashlib.sha384((VENDOR / entry["file"]).read_bytes()).digest()

    assert base64.b64encode(digest).decode() == entry["sha384"]
    assert (VENDOR / entry["licence_text"]).read_text("utf-8").strip()


def test_nothing_is_shipped_that_the_manifest_does_not_name() -> None:
    named = {entry[key] for entry in MANIFEST for key in ("file", "licence_text")}

    assert {path.name for path in VENDOR.iterdir()} == named | {"manifest.json"}


async def test_files_are_kept_for_ever_under_an_address_of_their_content(dashboard: DashboardUnderTest) -> None:
    async with http_client(base_url=dashboard.url) as http:
        for name, address in asset_urls().items():
            response = await http.get(address)
            assert response.content == (FOLDER / name).read_bytes()
            assert "immutable" in response.headers["Cache-Control"]

        assert (await http.get("/static/live.js")).status_code == 404
        assert (await http.get("/static/../assets.py")).status_code == 404


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("gzip, deflate, br", "gzip"), ("br;q=1, gzip;q=0.5", "gzip"), ("gzip;q=0", None), ("", None)],
)
async def test_texts_are_compressed_for_whoever_takes_it(
    dashboard: DashboardUnderTest, accepted: str, encoding: str | None
) -> None:
    for path in ("/jobs", asset_urls()["vendor/htmx.min.js"]):
        plain = await dashboard.installation.http.get(path, headers={"Accept-Encoding": "identity"})
        response = await dashboard.installation.http.get(path, headers={"Accept-Encoding": accepted})

        assert response.headers.get("Content-Encoding") == encoding
        assert "Accept-Encoding" in response.headers["Vary"]
        assert response.text == plain.text
        is_smaller = int(response.headers["Content-Length"]) < int(plain.headers["Content-Length"])
        assert is_smaller is (encoding is not None)
