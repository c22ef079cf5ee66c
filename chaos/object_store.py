"""Inspects the object store of a run from outside: which objects exist, and which are unfinished."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from pydantic import BaseModel

from aijobs.bootstrap import open_store
from aijobs.settings import GivenSettings

if TYPE_CHECKING:
    from tests.adapters.storage.swift_server import SwiftServer

DATA: Final = "aijobs"
"""The data folder of our processes, below that of a run."""

#: Below the data folder; what begins with a dot is not an object yet.
STORE, DRAFTS = "store", ".drafts"

PREFIX: Final = "chaos"
"""In the bucket."""

NO_AGE: Final = timedelta()


class Inventory(BaseModel):
    """SHA-256 of every object by its key, and the names of unfinished writes."""

    objects: dict[str, str]
    unfinished: list[str]


class StoreInspection(Protocol):
    """Inspects the store of a stack. `settings` are the environment variables that select it."""

    @property
    def settings(self) -> Mapping[str, str]: ...

    async def tidied(self) -> int:
        """Delete the unfinished writes of killed processes, as repair does a day later. Returns how many."""
        ...

    async def inventory(self) -> Inventory: ...


@asynccontextmanager
async def opened_inspection(folder: Path, *, s3: bool) -> AsyncIterator[StoreInspection]:
    """A directory, or a real S3 server (OpenStack Swift)."""
    if not s3:
        yield DirectoryInspection(folder / DATA / STORE)
        return
    from tests.adapters.storage.swift_server import swift_server  # its packages are needed for nothing else

    swift_folder = folder / "swift"
    swift_folder.mkdir()
    server = swift_server(swift_folder)
    bucket = await asyncio.to_thread(server.__enter__)
    try:
        yield S3Inspection(bucket)
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)


@dataclass(frozen=True)
class DirectoryInspection:
    """Of a store in a directory."""

    root: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    async def tidied(self) -> int:
        return await _tidied(GivenSettings(data_dir=self.root.parent))

    async def inventory(self) -> Inventory:
        return await asyncio.to_thread(inventory_of, self.root)


def inventory_of(root: Path) -> Inventory:
    """Of a directory store."""
    files = [path for path in root.rglob("*") if path.is_file()]
    drafts = [path for path in files if path.is_relative_to(root / DRAFTS)]
    objects = {path.relative_to(root).as_posix(): _sha256(path) for path in files if path not in drafts}
    return Inventory(objects=objects, unfinished=[path.name for path in drafts])


@dataclass(frozen=True)
class S3Inspection:
    """Of a store in a bucket."""

    server: "SwiftServer"

    @property
    def settings(self) -> Mapping[str, str]:
        return {f"AIJOBS_STORE__{name.upper()}": value for name, value in self._where.items()}

    @property
    def _where(self) -> dict[str, str]:
        return {
            "url": f"s3://{self.server.bucket}/{PREFIX}",
            "endpoint": self.server.endpoint,
            "region": self.server.region,
            "access_key": self.server.access_key,
            "secret_key": self.server.secret_key,
            "addressing": "path",
        }

    async def tidied(self) -> int:
        return await _tidied(GivenSettings.model_validate({"store": self._where}))

    async def inventory(self) -> Inventory:
        return await asyncio.to_thread(self._listed)

    def _listed(self) -> Inventory:
        objects = {}
        with self.server.client() as client:
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=self.server.bucket):
                for listed in page.get("Contents", []):
                    body = client.get_object(Bucket=self.server.bucket, Key=listed["Key"])["Body"].read()
                    objects[listed["Key"].removeprefix(f"{PREFIX}/")] = hashlib.sha256(body).hexdigest()
            uploads = client.list_multipart_uploads(Bucket=self.server.bucket).get("Uploads", [])
        return Inventory(objects=objects, unfinished=[upload["Key"] for upload in uploads])


async def _tidied(settings: GivenSettings) -> int:
    async with open_store(settings, secret=secrets.token_bytes()) as store:  # nothing is signed
        return await store.tidy(older_than=NO_AGE)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
