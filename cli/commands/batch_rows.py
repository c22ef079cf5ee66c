"""The rows of a batch out of a folder: each of its files is uploaded, and becomes one row."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aijobs_client.operations import upload_key

from cli.api_client import ApiClient, Document
from cli.errors import CommandError

UPLOADS_AT_ONCE: Final = 4
MEDIA: Final = "x-media"
"""Says in a model's schema which kind of file a parameter names."""


@dataclass(frozen=True, kw_only=True)
class Folder:
    """How the files of a folder become rows. With an `idempotency_key`, a repetition names the same uploads."""

    model: str
    file_param: str | None
    idempotency_key: str | None


@asynccontextmanager
async def rows_of(api: ApiClient, path: Path, folder: Folder) -> AsyncIterator[Path]:
    """The file itself; for a folder, a file of JSON Lines with a row for each file in it, in the order of their names.

    Raises CommandError when there is nothing, or when it is not clear which parameter names the file.
    """
    files = await asyncio.to_thread(_files_in, path)
    if files is None:
        yield path
        return
    name = folder.file_param or await _file_parameter(api, folder.model)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", prefix="aijobs-", suffix=".jsonl") as rows:
        for first in range(0, len(files), UPLOADS_AT_ONCE):
            some = files[first : first + UPLOADS_AT_ONCE]
            uploads = (api.upload(one, idempotency_key=upload_key(folder.idempotency_key, one.name)) for one in some)
            uploaded = await asyncio.gather(*uploads)
            for file, upload in zip(some, uploaded, strict=True):
                rows.write(json.dumps(_row(name, file, upload), ensure_ascii=False) + "\n")
        rows.flush()
        yield Path(rows.name)


def _files_in(path: Path) -> list[Path] | None:
    """The files of a folder; None where the path is a file."""
    if path.is_file():
        return None
    if not path.is_dir():
        raise CommandError(f"There is no file and no folder {path}.")
    files = sorted(one for one in path.iterdir() if one.is_file() and not one.name.startswith("."))
    if not files:
        raise CommandError(f"There are no files in {path}.")
    return files


def _row(name: str, file: Path, upload: Document) -> dict[str, Any]:
    return {"params": {name: upload["code"]}, "metadata": {"file": file.name[-500:]}}


async def _file_parameter(api: ApiClient, model: str) -> str:
    models = (await api.get("/api/models"))["data"]
    found = next((one for one in models if one["model_id"] == model), None)
    if found is None:
        raise CommandError(f"There is no model {model!r}.", hint="`aijobs models` lists them.")
    parameters = (found["parameters"] or {}).get("properties", {})
    named: list[str] = [name for name, schema in parameters.items() if MEDIA in json.dumps(schema)]
    if len(named) != 1:
        hint = f"--file-param says which: {', '.join(named)}." if named else "It takes no file."
        raise CommandError(f"Which parameter of {model} names a file is not clear.", hint=hint)
    return named[0]
