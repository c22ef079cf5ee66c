"""Storing an upload: the whole file is checked before it is stored."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final

from sqlmodel import Session

from aijobs.domain.documents.formats import DocumentSize, is_document
from aijobs.domain.errors import AijobsError, DatabaseUnavailable, FileTooLarge, StoreUnavailable
from aijobs.domain.ports.documents import DocumentParser
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.ports.photos import PictureDecoder
from aijobs.domain.values.actors import Owner
from aijobs.domain.values.ids import new_id
from aijobs.persistence.access.idempotency import IdempotencyClaim, Receipt, settle
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.reusable_files import output_of
from aijobs.persistence.jobs.write_intents import begin_write, finish_write
from aijobs.persistence.tables import FileRow
from aijobs.usecases.idempotency import Render, claim_for, claimed

MAX_NAME_LENGTH: Final = 150
CHUNK_BYTES: Final = 1024 * 1024

#: File extensions of the accepted picture types.
EXTENSION_OF: Final[Mapping[str, str]] = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/tiff": "tiff",
    "image/avif": "avif",
    "image/heic": "heic",
}


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A completely received file at a temporary path. `name` is safe to show; `password` opens the document."""

    path: Path
    name: str
    size: int
    sha256: str
    password: str | None = field(default=None, repr=False)

    def check_size(self, at_most: int) -> None:
        """Raises FileTooLarge."""
        check_size(self.size, at_most)


@dataclass(frozen=True, kw_only=True)
class FileType:
    """An upload's type. `width` and `height` are those of a picture, in pixels; `size` is a document's."""

    media_type: str
    extension: str
    width: int | None = None
    height: int | None = None
    size: DocumentSize | None = None


BeforeKept = Callable[[FileType], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class KeepUpload:
    """`render` makes the response for a new file."""

    database: Database
    store: ObjectStore
    documents: DocumentParser
    pictures: PictureDecoder
    max_bytes: int
    render: Render[FileRow]

    async def __call__(
        self, upload: Upload, owner: Owner, *, idempotency_key: str | None = None, before: BeforeKept | None = None
    ) -> Receipt:
        """The receipt of a new file; a second call with the same key and file returns the first one.

        `before` is called with a new file's type, before anything of it is kept: what it raises refuses the file.
        Raises UnreadableFile, FileTooLarge, TooBusy, StoreUnavailable, IdempotencyMismatch and IdempotencyInFlight.
        """
        claim = claim_for(owner, idempotency_key, {"name": upload.name, "sha256": upload.sha256})
        async with claimed(self.database, claim) as first:
            return first or await self._keep(upload, owner, claim, before)

    async def _keep(
        self, upload: Upload, owner: Owner, claim: IdempotencyClaim | None, before: BeforeKept | None
    ) -> Receipt:
        upload.check_size(self.max_bytes)
        async with self._checked(upload) as (kept, kind):
            if before is not None:
                await before(kind)
            row = _row(kept, kind, owner)
            receipt = Receipt(code=row.code, answer=self.render(row))

            def work(session: Session) -> None:
                keep_stored(session, row)
                if claim:
                    settle(session, claim, receipt)

            async with stored(self.database, self.store, row, _chunks(kept.path)):
                await self.database.write(work)
        return receipt

    @asynccontextmanager
    async def _checked(self, upload: Upload) -> AsyncIterator[tuple[Upload, FileType]]:
        """What is kept, and its type: a document's follows from its name; every other file must be a picture."""
        if not is_document(upload.name):
            picture = await self.pictures.check(upload.path)
            extension = EXTENSION_OF[picture.media_type]
            yield (
                upload,
                FileType(
                    media_type=picture.media_type, extension=extension, width=picture.width, height=picture.height
                ),
            )
            return
        async with self.documents.checked(upload.path, upload.name, password=upload.password) as checked:
            kept = upload if checked.path == upload.path else await asyncio.to_thread(_at, upload, checked.path)
            yield kept, FileType(media_type=checked.kind.media_type, extension=checked.kind, size=checked.size)


@dataclass(frozen=True, kw_only=True)
class ReuseOutput:
    """The output of a job becomes an upload: vendors that read no links take it too, and it outlives the job."""

    keep_upload: KeepUpload

    async def __call__(self, code: str, index: int, owner: Owner, *, visible_user: str | None) -> Receipt:
        """The receipt of a new upload of `owner`. `visible_user`: whose jobs the caller sees; None: everybody's.

        Raises NotFound, FileTooLarge, and what keeping an upload raises.
        """
        keep = self.keep_upload
        output = await keep.database.read(output_of, code, index, user_id=visible_user)
        name = f"{code}-{index}{PurePosixPath(output.key).suffix}"
        with tempfile.NamedTemporaryFile(prefix="aijobs-") as target:
            upload = Upload(path=Path(target.name), name=name, size=output.size, sha256=output.sha256)
            upload.check_size(keep.max_bytes)
            async for chunk in keep.store.read(output.key):
                await asyncio.to_thread(target.write, chunk)
            await asyncio.to_thread(target.flush)
            return await keep(upload, owner)


@asynccontextmanager
async def stored(
    database: Database, store: ObjectStore, row: FileRow, chunks: AsyncIterator[bytes]
) -> AsyncIterator[None]:
    """Put a file into the store; the block must call `keep_stored`. On an AijobsError the object is deleted at once.

    After DatabaseUnavailable or any other error the object may be in use all the same, as when the connection was lost
    during a commit. The sweep finds unused objects by their write intents, and deletes them.
    """
    await database.write(begin_write, row.key, job_code=None)
    await store.put(row.key, chunks, media_type=row.media_type)
    try:
        yield
    except DatabaseUnavailable:
        raise
    except AijobsError:
        with suppress(AijobsError):  # else the sweep deletes it, and what has refused the file is still what is said
            await store.delete(row.key)
            await database.write(finish_write, row.key)
        raise


def keep_stored(session: Session, row: FileRow) -> None:
    """Assign the stored object to this file. Raises StoreUnavailable when the sweep has taken its write intent."""
    if not finish_write(session, row.key):
        raise StoreUnavailable("Storing the file took too long. Send it again.")
    session.add(FileRow(**row.model_dump()))


def check_size(size: int, at_most: int) -> None:
    """Raises FileTooLarge."""
    if size > at_most:
        raise FileTooLarge(f"The file has {size} bytes; {at_most} is the most.")


def _at(upload: Upload, path: Path) -> Upload:
    """The same upload, with other content."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return replace(upload, path=path, size=path.stat().st_size, sha256=sha256)


def _row(upload: Upload, kind: FileType, owner: Owner) -> FileRow:
    code = new_id("file")
    return FileRow(
        code=code,
        user_id=owner.user_id,
        create_by=owner.key_id,
        name=upload.name,
        media_type=kind.media_type,
        size=upload.size,
        sha256=upload.sha256,
        key=f"files/{code}.{kind.extension}",
        width=kind.width,
        height=kind.height,
    )


async def once(content: bytes) -> AsyncIterator[bytes]:
    """As one chunk."""
    yield content


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
