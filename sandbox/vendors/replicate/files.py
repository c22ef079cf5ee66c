"""Uploaded files: kept for a day, referred to by their URL in a prediction's input."""

import asyncio
import base64
import hashlib
import hmac
import re
from typing import Any, Final
from urllib.parse import quote

from pydantic import BaseModel, JsonValue

from sandbox.clock import NANOSECONDS, now_ns, stamp
from sandbox.context import SandboxContext
from sandbox.ids_and_links import new_id
from sandbox.pictures.upscaling import WorkFailedError
from sandbox.vendors.replicate.errors import not_found

KIND: Final = "replicate.files"
OWNER: Final = "sandbox"
FILE_PATH: Final = re.compile(r"/v1/files/(?P<id>[a-z0-9]+)(/download)?(\?.*)?")


class ReplicateFile(BaseModel):
    """An upload, without its content."""

    id: str
    name: str
    content_type: str
    size: int
    sha256: str
    md5: str
    metadata: dict[str, JsonValue]
    created_ns: int
    expires_ns: int


class FileStore:
    """The uploads, persistent over restarts."""

    def __init__(self, context: SandboxContext) -> None:
        self._context = context
        stored = [ReplicateFile.model_validate_json(body) for body in context.archive.all(KIND)]
        self._files = {one.id: one for one in sorted(stored, key=lambda one: one.created_ns)}

    async def put(
        self, content: bytes, *, name: str, content_type: str, metadata: dict[str, JsonValue]
    ) -> ReplicateFile:
        created_ns = now_ns()
        file = ReplicateFile(
            id=new_id(),
            name=name,
            content_type=content_type,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
            metadata=metadata,
            created_ns=created_ns,
            expires_ns=created_ns + int(self._context.config.file_ttl.total_seconds() * NANOSECONDS),
        )
        await asyncio.to_thread(self._context.blobs.write, file.id, content)
        self._files[file.id] = file
        self._context.archive.put(KIND, file.id, file.model_dump_json())
        return file

    def all(self) -> list[ReplicateFile]:
        """Newest first, without expired files."""
        return [file for file in reversed(self._files.values()) if file.expires_ns > now_ns()]

    def find(self, file_id: str) -> ReplicateFile:
        """Raises Refusal (404), also for an expired file."""
        file = self._files.get(file_id)
        if file is None or file.expires_ns <= now_ns():
            raise not_found()
        return file

    async def read(self, file_id: str) -> bytes:
        """Raises WorkFailedError for a file that does not exist or has expired."""
        file = self._files.get(file_id)
        if file is None or file.expires_ns <= now_ns():
            raise WorkFailedError(f"the file {file_id} does not exist or has expired")
        return await asyncio.to_thread(self._context.blobs.read, file_id)

    async def remove(self, file_id: str) -> None:
        self.find(file_id)
        await self._forget(file_id)

    async def remove_expired(self) -> None:
        for file in list(self._files.values()):
            if file.expires_ns <= now_ns():
                await self._forget(file.id)

    def clear(self) -> None:
        self._files.clear()
        self._context.archive.clear(KIND)

    def file_id_in(self, url: str) -> str | None:
        """The id of the file, when the URL is one of this sandbox's files."""
        base_url = self._context.config.base_url
        parts = FILE_PATH.fullmatch(url.removeprefix(base_url)) if url.startswith(base_url) else None
        return parts["id"] if parts else None

    def name_of(self, url: str) -> str | None:
        """The file's name, when the URL is one of this sandbox's files."""
        file_id = self.file_id_in(url)
        file = self._files.get(file_id) if file_id else None
        return file.name if file else None

    def document(self, file: ReplicateFile) -> dict[str, Any]:
        url = f"{self._context.config.base_url}/v1/files/{file.id}"
        expiry = file.expires_ns // NANOSECONDS
        signature = quote(self.signature(file.id, expiry=str(expiry)), safe="")
        return {
            "id": file.id,
            "name": file.name,
            "content_type": file.content_type,
            "size": file.size,
            "etag": file.md5,
            "checksums": {"sha256": file.sha256, "md5": file.md5},
            "metadata": file.metadata,
            "created_at": stamp(file.created_ns),
            "expires_at": stamp(file.expires_ns),
            "urls": {
                "get": url,
                "download": f"{url}/download?owner={OWNER}&expiry={expiry}&signature={signature}",
            },
        }

    def signature(self, file_id: str, *, expiry: str, owner: str = OWNER) -> str:
        """Base64 of the HMAC-SHA256 over `{owner} {expiry} {file id}`, as Replicate documents it."""
        key = self._context.webhooks.secret.encode()
        digest = hmac.new(key, f"{owner} {expiry} {file_id}".encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()

    async def _forget(self, file_id: str) -> None:
        self._files.pop(file_id, None)
        self._context.archive.remove(KIND, file_id)
        await asyncio.to_thread(self._context.blobs.remove, file_id)
