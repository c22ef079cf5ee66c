"""Opens the object store that the settings name, and prepares it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from aijobs.adapters.storage.directory import DirectoryStore
from aijobs.adapters.storage.settings import StoreSettings
from aijobs.adapters.storage.signed_links import LinkSigner
from aijobs.domain.ports.object_store import ObjectStore


def opened_store(
    settings: StoreSettings, *, data_dir: Path, signer: LinkSigner
) -> AbstractAsyncContextManager[ObjectStore]:
    """S3, the named directory, or by default the directory `store` in the data folder."""
    if settings.is_s3:
        from aijobs.adapters.storage.s3 import (
            S3Store,  # boto3 takes a second to load, and most processes do not need it
        )

        return S3Store.opened(settings)
    return DirectoryStore.opened(settings.directory or data_dir / "store", signer)


async def prepare_store(settings: StoreSettings, *, data_dir: Path, signer: LinkSigner) -> AsyncIterator[str]:
    """Make the bucket or the directory where it is missing. Yields what was done or found. Raises StoreUnavailable."""
    if settings.is_s3:
        from aijobs.adapters.storage.bucket import prepare_bucket  # see above

        for line in await prepare_bucket(settings):
            yield line
    async with opened_store(settings, data_dir=data_dir, signer=signer) as store:
        await store.probe()
        yield "it takes objects"
