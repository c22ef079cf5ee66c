"""Objects of a directory store, served for signed links."""

import asyncio

from aijobs.adapters.storage.content_disposition import content_disposition
from aijobs.adapters.storage.directory import DirectoryStore
from aijobs.adapters.storage.signed_links import LinkSigner
from aijobs.domain.errors import NotFound
from aijobs.domain.ports.object_store import ObjectStore, ServedObject


class SignedObjects:
    """Implements ServedObjects. Raises NotFound with S3, which serves its objects itself."""

    def __init__(self, signer: LinkSigner, store: ObjectStore) -> None:
        self._signer = signer
        self._store = store

    async def find(self, key: str, *, filename: str, media_type: str, expires: int, signature: str) -> ServedObject:
        self._signer.verify(key, filename=filename, media_type=media_type, expires=expires, signature=signature)
        if not isinstance(self._store, DirectoryStore):
            raise NotFound("Objects are not stored here.")
        path = self._store.path_of(key)
        if not await asyncio.to_thread(path.is_file):
            raise NotFound("Nothing is stored under this key.")
        return ServedObject(path, content_disposition(filename, media_type))
