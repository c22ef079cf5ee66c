"""Uploads as multipart/form-data, and how large a request's body may be, by its path."""

import asyncio
import hashlib
import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.providers.registry import PROVIDERS
from aijobs.usecases.intake_document import TEMPLATE_FIELD, SentDocument
from aijobs.usecases.upload_file import CHUNK_BYTES, MAX_NAME_LENGTH, Upload
from api.auth.named_users import user_in_form
from api.connections.cors import CODEC_PATHS

FIELD: Final = "file"
TASK_FIELD: Final = "taskId"
PASSWORD_FIELD: Final = "password"  # noqa: S105  # of an encrypted document
FORM_SLACK: Final = 64 * 1024
"""Bytes that a form may have besides its file."""

MAX_SIGN_IN_BYTES: Final = 8 * 1024  #: of a body before the caller is authenticated
MAX_WEBHOOK_BYTES: Final = 1024 * 1024
MAX_REPORT_BYTES: Final = 32 * MAX_WEBHOOK_BYTES  #: of vendors whose results are in their webhooks
MAX_PAYLOADS_BYTES: Final = 8 * 1024 * 1024  #: in base64: Temporal takes 2 MiB for one payload
MAX_TEMPLATE_BYTES: Final = 2 * 1024 * 1024  #: the longest prompt, with each character escaped

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
        _refuse_repeated(form)
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


def _refuse_repeated(form: FormData) -> None:
    """Raises InvalidParameters: two readers would each take another of the two."""
    counted = Counter(name for name, _ in form.multi_items())
    if repeated := [FieldError(f"/{name}", "Send it once.") for name, count in counted.items() if count > 1]:
        raise InvalidParameters("The form is not as it should be.", *repeated)


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


def body_limits(max_upload_bytes: int) -> Mapping[str, int]:
    """In bytes. A path that ends with a slash stands for everything below it."""
    return {
        **dict.fromkeys(("/api/sessions", "/login", "/logout", "/preferences"), MAX_SIGN_IN_BYTES),
        "/api/batches": max_upload_bytes + FORM_SLACK,
        "/api/files": max_upload_bytes + FORM_SLACK,
        "/api/photo-reviews": max_upload_bytes + FORM_SLACK,
        "/photos": max_upload_bytes + FORM_SLACK,
        "/documents": max_upload_bytes + FORM_SLACK,
        "/templates": MAX_TEMPLATE_BYTES,
        "/templates/": MAX_TEMPLATE_BYTES,
        "/api/template/upload-template": max_upload_bytes + FORM_SLACK,
        "/api/templates/": MAX_TEMPLATE_BYTES,
        **{f"/api/webhooks/{name}/": MAX_REPORT_BYTES for name, package in PROVIDERS.items() if package.is_told},
        "/api/webhooks/": MAX_WEBHOOK_BYTES,
        CODEC_PATHS: MAX_PAYLOADS_BYTES,
    }
