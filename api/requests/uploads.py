"""Uploads as multipart/form-data."""

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
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.usecases.intake_document import TEMPLATE_FIELD, SentDocument
from aijobs.usecases.upload_file import CHUNK_BYTES, MAX_NAME_LENGTH, Upload
from api.auth.named_users import user_in_form

FIELD: Final = "file"
TASK_FIELD: Final = "taskId"
PASSWORD_FIELD: Final = "password"  # noqa: S105  # of an encrypted document
FORM_SLACK: Final = 64 * 1024
"""Bytes that a form may have besides its file."""

MAX_FIELDS: Final = 6
MAX_FIELD_BYTES: Final = 4096

_CONTROL_CHARACTERS: Final = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class UploadForm:
    """`user_id` is the form's field, None without one. `fields` are all text fields."""

    upload: Upload
    user_id: str | None
    fields: Mapping[str, str]

    @property
    def idempotency_key(self) -> str | None:
        """The field of that name, which the dashboard's forms have; None without it."""
        return self.fields.get("idempotency_key") or None


@asynccontextmanager
async def upload_form(request: Request, *, field: str = FIELD) -> AsyncIterator[UploadForm]:
    """The form and its file, from `field` or else from `file`. The file is deleted when the block ends.

    Raises InvalidParameters without a file, and HTTPException 415 for another content type.
    """
    if not request.headers.get("Content-Type", "").lower().startswith("multipart/form-data"):
        raise HTTPException(415, f"Send the file as multipart/form-data, in the field `{field}`.")
    async with request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES) as form:
        file, user_id = form.get(field) or form.get(FIELD), user_in_form(form)
        if not isinstance(file, UploadFile):
            raise InvalidParameters("There is no file.", FieldError(f"/{field}", "Send the file in this field."))
        with tempfile.NamedTemporaryFile(prefix="aijobs-") as target:
            size, sha256 = await asyncio.to_thread(_copy, file.file, target)
            yield UploadForm(
                upload=Upload(
                    path=Path(target.name),
                    name=display_name(file.filename or ""),
                    size=size,
                    sha256=sha256,
                    password=_text_in(form, PASSWORD_FIELD),
                ),
                user_id=user_id,
                fields={
                    name: value for name, value in form.items() if isinstance(value, str) and name != PASSWORD_FIELD
                },
            )


def sent_document(form: UploadForm) -> SentDocument:
    """The document for a template; `task_id` is the client's name for following its job."""
    return SentDocument(
        upload=form.upload,
        template_id=form.fields.get(TEMPLATE_FIELD, ""),
        task_id=form.fields.get(TASK_FIELD) or None,
        for_user=form.user_id,
    )


def display_name(filename: str) -> str:
    """The file's name without folders and control characters. It is shown, and never used as a path."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", filename))[-1]
    return _CONTROL_CHARACTERS.sub("", last).strip()[:MAX_NAME_LENGTH] or "file"


def _text_in(form: FormData, name: str) -> str | None:
    value = form.get(name)
    return value if isinstance(value, str) and value else None


def _copy(source: IO[bytes], target: IO[bytes]) -> tuple[int, str]:
    """Returns the size and the SHA-256."""
    digest, size = hashlib.sha256(), 0
    source.seek(0)
    while chunk := source.read(CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
        target.write(chunk)
    target.flush()
    return size, digest.hexdigest()
