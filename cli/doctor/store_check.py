"""The object store, tried with an object of two parts: a small one would pass where outputs fail."""

from aijobs.adapters.storage.open_store import opened_store
from aijobs.adapters.storage.signed_links import LinkSigner
from aijobs.adapters.storage.trial import try_two_parts
from aijobs.domain.errors import StoreUnavailable
from aijobs.settings import Settings
from cli.doctor.report import Finding, broken, fine, off


async def store(settings: Settings) -> Finding:
    """What is written is deleted again."""
    shown = settings.store.url or str(settings.data_dir / "store")
    if not settings.store.is_s3 and not (settings.store.directory or settings.data_dir / "store").exists():
        return off("Store", f"{shown} is not there yet.", "It is made at the first start.")
    signer = LinkSigner(b"only for the doctor", settings.base_url)
    try:
        async with opened_store(settings.store, data_dir=settings.data_dir, signer=signer) as opened:
            await try_two_parts(opened)
    except StoreUnavailable as unavailable:
        hint = "Check AIJOBS_STORE__URL and its keys, or the folder's owner and the space on its disk."
        return broken("Store", f"{shown}: {unavailable}", hint)
    return fine("Store", f"{shown} takes objects of several parts and gives them back")
