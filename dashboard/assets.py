"""The pages' own files: each is served under an address that changes with its content, so that browsers may keep it."""

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response

from aijobs.domain.errors import NotFound

FOLDER: Final = Path(__file__).parent / "static"
ADDRESS: Final = "/static/"
SERVED: Final = (".css", ".js", ".svg")
FOR_EVER: Final = "public, max-age=31536000, immutable"
FINGERPRINT_LENGTH: Final = 12

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Asset:
    """A file as it is served."""

    content: bytes
    media_type: str


@cache
def addresses() -> Mapping[str, str]:
    """Where each file is served, by its name: `live.js` → `/static/live.<hash>.js`."""
    return {name: ADDRESS + _fingerprinted(name, asset) for name, asset in _read().items()}


def source_of(name: str) -> str:
    """A file's text, to be shown on a page."""
    return _read()[name].content.decode()


@cache
def _read() -> Mapping[str, Asset]:
    """Two megabytes in all, read once."""
    paths = [path for path in sorted(FOLDER.rglob("*")) if path.suffix in SERVED]
    return {path.relative_to(FOLDER).as_posix(): Asset(path.read_bytes(), _media_type(path)) for path in paths}


@cache
def _by_address() -> Mapping[str, Asset]:
    return {_fingerprinted(name, asset): asset for name, asset in _read().items()}


def _media_type(path: Path) -> str:
    return f"{mimetypes.types_map[path.suffix]}; charset=utf-8"


def _fingerprinted(name: str, asset: Asset) -> str:
    stem, _, extension = name.rpartition(".")
    return f"{stem}.{hashlib.sha256(asset.content).hexdigest()[:FINGERPRINT_LENGTH]}.{extension}"


@router.get(f"{ADDRESS}{{path:path}}")
async def asset(path: str) -> Response:
    found = _by_address().get(path)
    if found is None:
        raise NotFound("There is no such file.")
    return Response(found.content, media_type=found.media_type, headers={"Cache-Control": FOR_EVER})


@router.get("/favicon.ico")
async def favicon() -> Response:
    """For whoever asks without reading the page."""
    found = _read()["logo.svg"]
    return Response(found.content, media_type=found.media_type, headers={"Cache-Control": "public, max-age=86400"})
