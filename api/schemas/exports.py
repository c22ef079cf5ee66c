"""Exports of a list: a file of JSON Lines or CSV, as a stream."""

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Any, Final

from fastapi.responses import StreamingResponse

from api.streaming.event import one_line


class ExportFormat(StrEnum):
    """What an export comes as."""

    JSONL = "jsonl"
    CSV = "csv"


MEDIA_TYPES: Final = {ExportFormat.JSONL: "application/jsonl", ExportFormat.CSV: "text/csv; charset=utf-8"}


def export_response(text: AsyncIterator[str], form: ExportFormat, *, name: str) -> StreamingResponse:
    """A file to be saved as `name` with the format's ending."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    content = _lines(text) if form is ExportFormat.JSONL else text
    return StreamingResponse(content, media_type=MEDIA_TYPES[form], headers=headers)


async def _lines(text: AsyncIterator[str]) -> AsyncIterator[str]:
    """Each document on one line for every reader, also for those who split lines where Unicode does."""
    async for part in text:
        yield one_line(part)


def documented(description: str) -> dict[int | str, dict[str, Any]]:
    """Its answer in OpenAPI, for a route's `responses`."""
    return {200: {"description": description, "content": {"application/jsonl": {}, "text/csv": {}}}}
