"""Static files: the URL of each contains a hash of its content, so that browsers may cache it for ever.

Texts are sent compressed to whoever takes gzip, pages too.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from aijobs.domain.errors import NotFound

FOLDER: Final = Path(__file__).parent / "static"
URL_PREFIX: Final = "/static/"
SUFFIXES: Final = (".css", ".js", ".svg")
CACHE_FOREVER: Final = "public, max-age=31536000, immutable"
FINGERPRINT_LENGTH: Final = 12

GZIP: Final = "gzip"
NO_WEIGHTS: Final = frozenset({"q=0", "q=0.0", "q=0.00", "q=0.000"})
LEAST_COMPRESSED: Final = 500  #: bytes; what is smaller fits a packet as it is
PAGE_LEVEL: Final = 5  #: 60 kB in about a millisecond
ASSET_LEVEL: Final = 9  #: once in the life of a process

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Asset:
    """A static file."""

    content: bytes
    media_type: str


@cache
def asset_urls() -> Mapping[str, str]:
    """The URL of each file, by its name: `live.js` → `/static/live.<hash>.js`."""
    return {name: URL_PREFIX + _fingerprinted(name, asset) for name, asset in _assets().items()}


def source_of(name: str) -> str:
    """The text of a file, to show it on a page."""
    return _assets()[name].content.decode()


@cache
def _assets() -> Mapping[str, Asset]:
    """All files by name, read once."""
    paths = [path for path in sorted(FOLDER.rglob("*")) if path.suffix in SUFFIXES]
    return {path.relative_to(FOLDER).as_posix(): Asset(path.read_bytes(), _media_type(path)) for path in paths}


@cache
def _assets_by_url() -> Mapping[str, Asset]:
    return {_fingerprinted(name, asset): asset for name, asset in _assets().items()}


@cache
def _gzipped(path: str) -> bytes:
    return gzip.compress(_assets_by_url()[path].content, ASSET_LEVEL)


def takes_gzip(request: Request) -> bool:
    """RFC 9110, 12.5.3. A weight of zero refuses it."""
    codings = [part.strip().partition(";") for part in request.headers.get("Accept-Encoding", "").split(",")]
    return any(name.strip().lower() == GZIP and weight.strip() not in NO_WEIGHTS for name, _, weight in codings)


def compressed(request: Request, response: HTMLResponse) -> HTMLResponse:
    """The answer to a GET, compressed where the visitor takes it. Others may hold a secret that is shown once."""
    if request.method != "GET" or len(response.body) < LEAST_COMPRESSED or not takes_gzip(request):
        return response
    response.body = gzip.compress(bytes(response.body), PAGE_LEVEL)
    response.headers["Content-Length"] = str(len(response.body))
    response.headers["Content-Encoding"] = GZIP
    return response


def _media_type(path: Path) -> str:
    return f"{mimetypes.types_map[path.suffix]}; charset=utf-8"


def _fingerprinted(name: str, asset: Asset) -> str:
    stem, _, extension = name.rpartition(".")
    return f"{stem}.{hashlib.sha256(asset.content).hexdigest()[:FINGERPRINT_LENGTH]}.{extension}"


@router.get(f"{URL_PREFIX}{{path:path}}")
async def asset(request: Request, path: str) -> Response:
    found = _assets_by_url().get(path)
    if found is None:
        raise NotFound("There is no such file.")
    headers = {"Cache-Control": CACHE_FOREVER, "Vary": "Accept-Encoding"}
    if not takes_gzip(request):
        return Response(found.content, media_type=found.media_type, headers=headers)
    return Response(_gzipped(path), media_type=found.media_type, headers={**headers, "Content-Encoding": GZIP})


@router.get("/favicon.ico")
async def favicon() -> Response:
    """For browsers that request it without reading the page's link."""
    found = _assets()["logo.svg"]
    return Response(found.content, media_type=found.media_type, headers={"Cache-Control": "public, max-age=86400"})
