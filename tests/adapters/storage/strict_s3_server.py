"""An S3 that is as strict with checksums as MinIO is, over real HTTP.

No server that can be installed here refuses a part that is completed without the checksum it came with. Signatures
are not checked: those are tested on Swift.
"""

import hashlib
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from fastapi import FastAPI, Request, Response

from tests.adapters.storage.site import served


@dataclass
class StrictS3:
    """Objects by their paths; the parts of uploads, each with its checksum, by their ids.

    One that `corrupts` gives back something else than it was given.
    """

    url: str = ""
    corrupts: bool = False
    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[int, tuple[bytes, str | None]]] = field(default_factory=dict)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["StrictS3"]:
        app = FastAPI()
        app.add_api_route("/{path:path}", self._answer, methods=["GET", "PUT", "POST", "DELETE"])
        async with served(app) as self.url:
            yield self

    async def _answer(self, request: Request, path: str) -> Response:
        body, query = await request.body(), request.query_params
        match request.method:
            case "POST" if "uploads" in query:
                return self._created(str(len(self.uploads)))
            case "POST":
                return self._completed(path, query["uploadId"], body, request.headers)
            case "PUT" if "uploadId" in query:
                checksum = request.headers.get("x-amz-checksum-crc32")
                return self._part(query["uploadId"], int(query["partNumber"]), body, checksum)
            case "PUT":
                self.objects[path] = body
                return Response()
            case "DELETE":
                (self.uploads if "uploadId" in query else self.objects).pop(query.get("uploadId", path), None)
                return Response(status_code=204)
        return self._read(path)

    def _created(self, upload: str) -> Response:
        self.uploads[upload] = {}
        return _xml(f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>")

    def _part(self, upload: str, number: int, body: bytes, checksum: str | None) -> Response:
        if checksum is not None and checksum != crc32(body):
            return _refusal("BadDigest", "The checksum is not that of the part.")
        self.uploads[upload][number] = body, checksum
        return Response(headers={"etag": etag(body)})

    def _completed(self, path: str, upload: str, body: bytes, headers: Any) -> Response:
        whole = b""
        for listed in _parts(body):
            content, checksum = self.uploads[upload][int(listed["PartNumber"])]
            if listed["ETag"] != etag(content) or listed.get("ChecksumCRC32") != checksum:
                return _refusal("InvalidPart", "One or more of the specified parts could not be found.")
            whole += content
        declared = headers.get("x-amz-checksum-crc32")
        if declared is not None and declared != crc32(whole):
            return _refusal("BadDigest", "The checksum is not that of the object.")
        del self.uploads[upload]
        self.objects[path] = whole
        return _xml(f"<CompleteMultipartUploadResult><ETag>{etag(whole)}</ETag></CompleteMultipartUploadResult>")

    def _read(self, path: str) -> Response:
        if path not in self.objects:
            return _refusal("NoSuchKey", "It is not there.", status=404)
        content = self.objects[path]
        return Response(content[:-1] + bytes([content[-1] ^ 1]) if self.corrupts else content)


def crc32(content: bytes) -> str:
    return b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()


def etag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def _parts(body: bytes) -> list[dict[str, str]]:
    root = ElementTree.fromstring(body)
    return [
        {child.tag.rpartition("}")[2]: child.text or "" for child in part}
        for part in root
        if part.tag.rpartition("}")[2] == "Part"
    ]


def _xml(body: str) -> Response:
    return Response(f'<?xml version="1.0"?>{body}', media_type="application/xml")


def _refusal(code: str, message: str, *, status: int = 400) -> Response:
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(body, status_code=status, media_type="application/xml")
