"""Objects of a directory store, for whoever holds a signed link."""

import asyncio

from aijobs.adapters.storage.content_disposition import content_disposition
from aijobs.adapters.storage.directory import DirectoryStore
from aijobs.adapters.storage.signed_links import LinkSigner
from aijobs.domain.errors import NotFound
from aijobs.domain.ports.object_store import ObjectStore, ServedObject


class SignedObjects:
    """Implements ServedObjects. A bucket serves its objects itself: then none is found here."""

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
