"""A host whose disk for temporary files is full: callers are told to come again, and it goes on by itself."""

import io
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.api.installation import ApiUnderTest
from tests.patience import http_client

ROOM = 128 * 1024


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where this process puts its temporary files, with little room."""
    disk = tmp_path / "temporary"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("No disk can be mounted here.")
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def noise(side: int) -> bytes:
    written = io.BytesIO()
    Image.effect_noise((side, side), 80).save(written, "PNG")
    return written.getvalue()


@pytest.mark.parametrize("path", ["/api/files", "/api/photo-reviews", "/api/template/upload-template"])
async def test_an_upload_that_finds_no_room_is_worth_another_try(
    shared_api: ApiUnderTest, small_disk: Path, path: str
) -> None:
    picture, headers = noise(400), {"Aijobs-User": "ada"}
    assert len(picture) > ROOM

    refused = await shared_api.http.post(path, files={"file": ("a.png", picture)}, headers=headers)
    accepted = await shared_api.http.post("/api/files", files={"file": ("b.png", noise(100))}, headers=headers)

    assert (refused.status_code, refused.json()["code"]) in {(503, "no_room"), (503, 503)}
    assert int(refused.headers["Retry-After"]) > 0
    assert accepted.status_code == 201
    assert list(small_disk.iterdir()) == []


async def test_a_page_says_so_too(shared_api: ApiUnderTest, small_disk: Path) -> None:
    key = shared_api.http.headers["Authorization"].removeprefix("Bearer ")
    async with http_client(base_url=shared_api.url, headers={"Origin": "http://aijobs.test"}) as browser:
        assert (await browser.post("/login", data={"key": key})).status_code == 303
        shown = await browser.post("/photos", files={"file": ("a.png", noise(400))}, data={"user_id": "ada"})

    assert (shown.status_code, "disk for temporary files is full" in shown.text) == (503, True)
    assert int(shown.headers["Retry-After"]) > 0
