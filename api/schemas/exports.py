"""Exports of a list: a file of JSON Lines or CSV, as a stream."""

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Any, Final

from fastapi.responses import StreamingResponse


class ExportFormat(StrEnum):
    """What an export comes as."""

    JSONL = "jsonl"
    CSV = "csv"


MEDIA_TYPES: Final = {ExportFormat.JSONL: "application/jsonl", ExportFormat.CSV: "text/csv; charset=utf-8"}


def export_response(text: AsyncIterator[str], form: ExportFormat, *, name: str) -> StreamingResponse:
    """A file to be saved as `name` with the format's ending."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return StreamingResponse(text, media_type=MEDIA_TYPES[form], headers=headers)


def documented(description: str) -> dict[int | str, dict[str, Any]]:
    """Its answer in OpenAPI, for a route's `responses`."""
    return {200: {"description": description, "content": {"application/jsonl": {}, "text/csv": {}}}}
