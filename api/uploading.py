"""Taking a file in: it is looked at from its first byte to its last before it is kept."""

import asyncio
import hashlib
import re
import tempfile
import unicodedata
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from aijobs.domain.documents.kinds import is_document
from aijobs.domain.errors import FieldError, FileTooLarge, InvalidParameters, StoreUnavailable
from aijobs.domain.values.ids import new_id
from aijobs.domain.values.pictures import EXTENSION_OF
from aijobs.persistence.access.idempotency import Answer, IdempotencyClaim, claim, release, settle
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.write_intents import begin_write, finish_write
from aijobs.persistence.tables import FileRow
from api.accepting import claim_of
from api.auth.caller import Caller
from api.dependencies import Parts
from api.schemas.job_responses import file_response

CREATED: Final = 201
FIELD: Final = "file"
FORM_SLACK: Final = 64 * 1024
"""What a form may need around its file."""

MAX_NAME_LENGTH: Final = 150
CHUNK_BYTES: Final = 1024 * 1024
MAX_FIELDS: Final = 5
MAX_FIELD_BYTES: Final = 4096

_NOT_FOR_NAMES: Final = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file that has come in whole, and waits in a temporary place.

    `user_id` is the form's own, if it has one; `fields` are the other texts of the form.
    """

    path: Path
    name: str
    size: int
    sha256: str
    user_id: str | None
    fields: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Nature:
    """What an uploaded file is. `width` and `height` are a picture's, in pixels."""

    media_type: str
    extension: str
    width: int | None = None
    height: int | None = None


@asynccontextmanager
async def received(request: Request, *, field: str = FIELD) -> AsyncIterator[Upload]:
    """The file in the form's `field`, or in `file`, for as long as the block lasts.

    Raises InvalidParameters when there is none.
    """
    if not request.headers.get("Content-Type", "").lower().startswith("multipart/form-data"):
        raise HTTPException(415, f"Send the file as multipart/form-data, in the field `{field}`.")
    async with request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES) as form:
        file, user_id = form.get(field) or form.get(FIELD), form.get("user_id")
        if not isinstance(file, UploadFile):
            raise InvalidParameters("There is no file.", FieldError(f"/{field}", "Send the file in this field."))
        with tempfile.NamedTemporaryFile(prefix="aijobs-") as kept:
            size, sha256 = await asyncio.to_thread(_copied, file.file, kept)
            yield Upload(
                path=Path(kept.name),
                name=shown_name(file.filename or ""),
                size=size,
                sha256=sha256,
                user_id=user_id if isinstance(user_id, str) else None,
                fields={name: value for name, value in form.items() if isinstance(value, str)},
            )


def shown_name(sent: str) -> str:
    """A file's name, fit to be shown. It is never used as a path."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", sent))[-1]
    return _NOT_FOR_NAMES.sub("", last).strip()[:MAX_NAME_LENGTH] or "file"


async def keep(parts: Parts, caller: Caller, upload: Upload, idempotency_key: str | None) -> Answer:
    """The answer to an upload: the first one, when it is repeated. Raises UnreadableFile and FileTooLarge."""
    user_id = caller.acting_user(upload.user_id)
    wanted = claim_of(caller, user_id, idempotency_key, {"name": upload.name, "sha256": upload.sha256})
    if wanted is None:
        return await _kept(parts, caller, upload, user_id)
    async with parts.database.write() as session:
        first = await claim(session, wanted)
    if first is not None:
        return first
    async with _released_if_it_fails(parts.database, wanted):
        return await _kept(parts, caller, upload, user_id, wanted)


@asynccontextmanager
async def _released_if_it_fails(database: Database, wanted: IdempotencyClaim) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        async with database.write() as session:
            await release(session, wanted)
        raise


async def _kept(
    parts: Parts, caller: Caller, upload: Upload, user_id: str, wanted: IdempotencyClaim | None = None
) -> Answer:
    check_size(parts, upload)
    nature = await _nature_of(parts, upload)
    row = _row(upload, nature, user_id=user_id, created_by=caller.key_id)
    answer = Answer(status=CREATED, location=f"/api/files/{row.code}", body=file_response(row).model_dump(mode="json"))
    async with parts.database.write() as session:
        await begin_write(session, row.key, job_code=None)
    await parts.store.put(row.key, _chunks(upload.path), media_type=row.media_type)
    try:
        async with parts.database.write() as session:
            if not await finish_write(session, row.key):
                raise StoreUnavailable("Storing the file took too long. Send it again.")
            session.add(row)
            if wanted:
                await settle(session, wanted, answer)
    except BaseException:
        await parts.store.delete(row.key)
        raise
    return answer


def check_size(parts: Parts, upload: Upload) -> None:
    """Raises FileTooLarge."""
    if upload.size > parts.settings.max_upload_bytes:
        raise FileTooLarge(f"The file has {upload.size} bytes; {parts.settings.max_upload_bytes} is the most.")


async def _nature_of(parts: Parts, upload: Upload) -> Nature:
    """A document's name says what it must be; everything else must be a picture, whatever its name."""
    if is_document(upload.name):
        kind = (await parts.documents.read(upload.path, upload.name)).kind
        return Nature(media_type=kind.media_type, extension=kind)
    facts = await parts.pictures.check(upload.path)
    extension = EXTENSION_OF[facts.media_type]
    return Nature(media_type=facts.media_type, extension=extension, width=facts.width, height=facts.height)


def _row(upload: Upload, nature: Nature, *, user_id: str, created_by: str) -> FileRow:
    code = new_id("file")
    return FileRow(
        code=code,
        user_id=user_id,
        create_by=created_by,
        name=upload.name,
        media_type=nature.media_type,
        size=upload.size,
        sha256=upload.sha256,
        key=f"files/{code}.{nature.extension}",
        width=nature.width,
        height=nature.height,
    )


def _copied(source: IO[bytes], target: IO[bytes]) -> tuple[int, str]:
    """Size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    source.seek(0)
    while chunk := source.read(CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
        target.write(chunk)
    target.flush()
    return size, digest.hexdigest()


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
