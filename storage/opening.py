"""Opens the object store that the settings name."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from domain.ports import ObjectStore
from storage.directory import DirectoryStore
from storage.links import LinkSigner
from storage.s3 import S3Store
from storage.settings import StoreSettings


def opened_store(
    settings: StoreSettings, *, data_dir: Path, signer: LinkSigner
) -> AbstractAsyncContextManager[ObjectStore]:
    """S3, the named directory, or by default the directory `store` in the data folder."""
    if settings.is_s3:
        return S3Store.opened(settings)
    return DirectoryStore.opened(settings.directory or data_dir / "store", signer)
