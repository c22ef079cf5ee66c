"""Requests of batches, and the file of rows that one is made of."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, TypedDict
from urllib.parse import quote

from aijobs_client.call import Call
from aijobs_client.models import Batch, BatchItem, Page
from aijobs_client.operations import PAGE, get, idempotent_post

Rows = Path | str | Iterable[Mapping[str, Any]]
"""A file of CSV or JSON Lines, or the rows themselves: `{"params": {…}, "metadata": {…}, "user_id": …}`."""

Act = Literal["pause", "resume", "cancel", "rerun"]
ResultsFormat = Literal["jsonl", "csv", "zip"]

PATH: Final = "/api/batches"


class BatchOptions(TypedDict, total=False):
    """What else a new batch may say. Times need a zone."""

    params: Mapping[str, Any]
    metadata: Mapping[str, str]
    output_count: int
    concurrency: int
    reserve: Literal["whole", "by_row"]
    start_at: datetime | None
    expires_at: datetime | None
    callback_url: str | None
    item_callback_url: str | None
    user_id: str | None


@contextmanager
def rows_file(rows: Rows) -> Iterator[Path]:
    """The file itself, or a temporary one of JSON Lines. Rows are written as they come, and are never all in memory."""
    if isinstance(rows, Path | str):
        yield Path(rows)
        return
    with tempfile.TemporaryDirectory(prefix="aijobs-") as folder:
        path = Path(folder, "rows.jsonl")
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        yield path


def submit(model_id: str, file: Path, *, idempotency_key: str | None, options: BatchOptions) -> Call[Batch]:
    """Raises ValueError for a time without a zone."""
    head = {"model_id": model_id, **{name: _written(value) for name, value in options.items() if value is not None}}
    return idempotent_post(PATH, Batch, idempotency_key, file=file, form={"batch": json.dumps(head)})


def batch(code: str) -> Call[Batch]:
    return get(_path(code), Batch)


def batches(cursor: str | None) -> Call[Page[Batch]]:
    return get(PATH, Page[Batch], {"cursor": cursor, "limit": PAGE})


def items(code: str, status: Iterable[str], cursor: str | None) -> Call[Page[BatchItem]]:
    query = {"status": list(status), "cursor": cursor, "limit": PAGE}
    return get(_path(code, "/items"), Page[BatchItem], query)


def steer(code: str, act: Act) -> Call[None]:
    """To rerun is not repeated when its answer is lost: it would find nothing to do, or run again what failed again."""
    is_safe = act != "rerun"
    return Call(method="POST", path=_path(code, f"/{act}"), read=lambda _: None, is_safe=is_safe)


def results(code: str, format: ResultsFormat) -> Call[None]:  # noqa: A002
    return Call(method="GET", path=_path(code, "/results"), read=lambda _: None, is_safe=True, query={"format": format})


def _path(code: str, suffix: str = "") -> str:
    return f"{PATH}/{quote(code, safe='')}{suffix}"


def _written(value: object) -> object:
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise ValueError(f"{value} has no time zone.")
    return value.isoformat()
