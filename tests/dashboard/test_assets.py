"""The pages' own files, and those of others that are shipped with them."""

import base64
import hashlib
import json

import httpx
import pytest

from dashboard.assets import FOLDER, addresses
from tests.dashboard.installation import DashboardUnderTest

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


async def test_files_are_kept_for_ever_under_an_address_of_their_content(house: DashboardUnderTest) -> None:
    async with httpx.AsyncClient(base_url=house.url, trust_env=False) as anybody:
        for name, address in addresses().items():
            answer = await anybody.get(address)
            assert answer.content == (FOLDER / name).read_bytes()
            assert "immutable" in answer.headers["Cache-Control"]

        assert (await anybody.get("/static/live.js")).status_code == 404
        assert (await anybody.get("/static/../assets.py")).status_code == 404
