"""Receiving a file that is sent as a form."""

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

from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.usecases.intake_document import TEMPLATE_FIELD, SentDocument
from aijobs.usecases.upload_file import CHUNK_BYTES, MAX_NAME_LENGTH, Upload
from api.auth.caller import user_in_form

FIELD: Final = "file"
TASK_FIELD: Final = "taskId"
FORM_SLACK: Final = 64 * 1024
"""What a form may need around its file."""

MAX_FIELDS: Final = 5
MAX_FIELD_BYTES: Final = 4096

_NOT_FOR_NAMES: Final = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class UploadForm:
    """`user_id` is the form's own, if it has one; `fields` are its other texts."""

    upload: Upload
    user_id: str | None
    fields: Mapping[str, str]

    @property
    def idempotency_key(self) -> str | None:
        """Of a form of the dashboard, which carries its own."""
        return self.fields.get("idempotency_key") or None


@asynccontextmanager
async def received(request: Request, *, field: str = FIELD) -> AsyncIterator[UploadForm]:
    """The file in the form's `field`, or in `file`, for as long as the block lasts.

    Raises InvalidParameters when there is none.
    """
    if not request.headers.get("Content-Type", "").lower().startswith("multipart/form-data"):
        raise HTTPException(415, f"Send the file as multipart/form-data, in the field `{field}`.")
    async with request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES) as form:
        file, user_id = form.get(field) or form.get(FIELD), user_in_form(form)
        if not isinstance(file, UploadFile):
            raise InvalidParameters("There is no file.", FieldError(f"/{field}", "Send the file in this field."))
        with tempfile.NamedTemporaryFile(prefix="aijobs-") as kept:
            size, sha256 = await asyncio.to_thread(_copied, file.file, kept)
            yield UploadForm(
                upload=Upload(path=Path(kept.name), name=shown_name(file.filename or ""), size=size, sha256=sha256),
                user_id=user_id,
                fields={name: value for name, value in form.items() if isinstance(value, str)},
            )


def sent_document(form: UploadForm) -> SentDocument:
    """A document for a template, and the task id by which its sender wants to follow it."""
    return SentDocument(
        upload=form.upload,
        template_id=form.fields.get(TEMPLATE_FIELD, ""),
        task_id=form.fields.get(TASK_FIELD) or None,
        for_user=form.user_id,
    )


def shown_name(sent: str) -> str:
    """A file's name, fit to be shown. It is never used as a path."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", sent))[-1]
    return _NOT_FOR_NAMES.sub("", last).strip()[:MAX_NAME_LENGTH] or "file"


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
