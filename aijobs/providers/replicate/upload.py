"""Uploading a file to Replicate."""

from typing import Final

from aijobs.adapters.network.file_form import Form, file_form, filename_of, plain_media_type
from aijobs.domain.provider_io import InputFile

MAX_FILE: Final = 100 * 1024 * 1024  #: bytes; Replicate answers 413 beyond


def form_of(file: InputFile, *, token: str) -> Form:
    """Replicate's fields for an upload. The file is named after the token; the caller's file name is not sent."""
    filename = filename_of(file, token)
    fields = {"type": plain_media_type(file), "filename": filename}
    return file_form(file, field="content", filename=filename, fields=fields)
