"""Opens the object store that the settings name."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from domain.ports import ObjectStore
from storage.directory import DirectoryStore
from storage.links import LinkSigner
from storage.settings import StoreSettings


def opened_store(
    settings: StoreSettings, *, data_dir: Path, signer: LinkSigner
) -> AbstractAsyncContextManager[ObjectStore]:
    """S3, the named directory, or by default the directory `store` in the data folder."""
    if settings.is_s3:
        from storage.s3 import S3Store  # boto3 takes a second to load, and most processes do not need it

        return S3Store.opened(settings)
    return DirectoryStore.opened(settings.directory or data_dir / "store", signer)
