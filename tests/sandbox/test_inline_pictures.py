"""Vendors that are to get files inside of the request take photos as large as their adapters send."""

import base64
import io
import os

import pytest
from PIL import Image

from sandbox.pictures.input_images import MAX_INLINE, loaded
from sandbox.pictures.upscaling import WorkFailedError


def photo(side: int) -> bytes:
    file = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(file, "PNG")
    return file.getvalue()


def link_to(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def test_a_photo_of_megabytes_is_taken() -> None:
    content = photo(1_000)

    assert len(content) > 2_000_000
    assert loaded(link_to(content)) == content


def test_one_that_no_request_would_hold_is_refused() -> None:
    with pytest.raises(WorkFailedError, match="at most 20480 kB"):
        loaded(link_to(bytes(MAX_INLINE)))
