"""The body of a batch, in any of its formats: its head, and its rows one chunk after the other, with flat memory.

JSON has the rows in its member `rows`; JSON Lines has the head in its first line. A form has the head in its field
`batch`, as JSON, and the rows in its file: CSV, or JSON Lines without a head.
"""

import asyncio
import csv
import hashlib
import io
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import Message
from itertools import islice
from typing import IO, Any, Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from aijobs.domain.errors import BadInput, FieldError, InvalidParameters
from aijobs.domain.jobs.batches.batch import MAX_ROWS, BatchItemRequest, BatchRequest, SentItem
from aijobs.domain.jobs.batches.columns import ColumnTemplate
from aijobs.domain.values.json_pointer import pointer
from aijobs.usecases.upload_file import CHUNK_BYTES
from api.problems import UnreadableBody
from api.requests.long_json import JsonScanner
from api.requests.strict_json import DECODER, NotStrictJson, check_part

ROWS: Final = "rows"
HEAD_FIELD: Final = "batch"
FILE_FIELD: Final = "file"
MAX_HEAD_BYTES: Final = 256 * 1024
MAX_LINE: Final = 256 * 1024
AT_ONCE: Final = 500
"""Rows that are checked and written together."""

LINES: Final = frozenset({"application/x-ndjson", "application/jsonl", "application/json-lines", "application/ndjson"})
FORMATS: Final = "Send the batch as application/json, as application/jsonl, or as a form with a file of CSV."
DELIMITERS: Final = ",;\t"

_NOT_JSON: Final = "This line is not JSON in UTF-8."
_HEAD_NOT_JSON: Final = "The head of the batch is not JSON in UTF-8."


@dataclass(frozen=True, kw_only=True)
class BatchBody:
    """`digest` is the SHA-256 of the whole body. `is_csv`: the rows need the names of the model's parameters."""

    request: BatchRequest
    digest: str
    file: IO[bytes]
    is_csv: bool = False
    is_json: bool = False
    has_head_line: bool = False

    def chunks(self, parameters: frozenset[str]) -> Iterator[Sequence[SentItem]]:
        """The rows, so many at a time as are written together. Raises BadInput; reads the file as it goes."""
        rows = _limited(self._rows(parameters))
        while chunk := list(islice(rows, AT_ONCE)):
            yield chunk

    def _rows(self, parameters: frozenset[str]) -> Iterator[SentItem]:
        self.file.seek(0)
        if self.is_csv:
            return _csv_rows(self.file, self.request, parameters)
        if self.is_json:
            return _json_rows(self.file, self.request)
        return _line_rows(self.file, self.request, skip=1 if self.has_head_line else 0)


@asynccontextmanager
async def batch_body(request: Request) -> AsyncIterator[BatchBody]:
    """The body, in a temporary file until the block ends.

    Raises UnreadableBody, RequestValidationError for a wrong head, and HTTPException 415 for another content type.
    """
    message = Message()
    message["Content-Type"] = request.headers.get("Content-Type", "")
    content_type = message.get_content_type()
    if content_type == "multipart/form-data":
        async with request.form(max_files=1, max_fields=1, max_part_size=MAX_HEAD_BYTES) as form:
            head, file = form.get(HEAD_FIELD), form.get(FILE_FIELD)
            if not isinstance(head, str) or not isinstance(file, UploadFile):
                problem = FieldError(f"/{FILE_FIELD}", "Send the head in the field `batch`, and the rows as a file.")
                raise InvalidParameters("The form is not complete.", problem)
            has_lines = file.content_type in LINES or (file.filename or "").lower().endswith((".jsonl", ".ndjson"))
            digest = await asyncio.to_thread(_digest, file.file)
            yield BatchBody(request=_head_of_text(head), digest=digest, file=file.file, is_csv=not has_lines)
        return
    is_json = content_type == "application/json" or content_type.endswith("+json")
    if not is_json and content_type not in LINES:
        raise HTTPException(415, FORMATS)
    with tempfile.TemporaryFile(prefix="aijobs-") as spool:
        async for chunk in request.stream():
            await asyncio.to_thread(spool.write, chunk)
        digest = await asyncio.to_thread(_digest, spool)
        shared = await asyncio.to_thread(_head_of_json if is_json else _head_of_lines, spool)
        yield BatchBody(request=shared, digest=digest, file=spool, is_json=is_json, has_head_line=not is_json)


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def _limited(rows: Iterator[SentItem]) -> Iterator[SentItem]:
    for number, row in enumerate(rows):
        if number >= MAX_ROWS:
            raise _too_many()
        yield row


def _too_many() -> InvalidParameters:
    message = f"A batch has at most {MAX_ROWS} rows."
    return InvalidParameters(message, FieldError(f"/{ROWS}", message))


def _head_of_json(file: IO[bytes]) -> BatchRequest:
    """Reads the whole document, so that nothing is done for one that breaks off."""
    scanner, head, has_rows = JsonScanner(file), {}, False
    for name in scanner.members():
        if name != ROWS:
            head[name], written = scanner.value()
            _check_head(written, head[name], name)
            continue
        has_rows = True
        if sum(1 for _ in scanner.elements()) > MAX_ROWS:
            raise _too_many()
    if scanner.peek():
        raise UnreadableBody("Something follows the JSON document.")
    if not has_rows:
        raise _wrong_head([{"loc": (ROWS,), "msg": "Field required", "type": "missing"}])
    return _head(head)


def _head_of_lines(file: IO[bytes]) -> BatchRequest:
    line = file.readline(MAX_HEAD_BYTES + 1)
    if len(line) > MAX_HEAD_BYTES:
        raise UnreadableBody(f"The head of the batch is longer than {MAX_HEAD_BYTES} bytes.")
    try:
        return _head_of_text(line.decode("utf-8"))
    except UnicodeDecodeError as undecodable:
        raise UnreadableBody(_HEAD_NOT_JSON) from undecodable


def _head_of_text(text: str) -> BatchRequest:
    try:
        head = DECODER.decode(text)
    except (ValueError, RecursionError) as wrong:
        raise UnreadableBody(_HEAD_NOT_JSON) from wrong
    if not isinstance(head, dict):
        raise UnreadableBody("The head of the batch must be a JSON object.")
    _check_head(text, head)
    return _head(head)


def _check_head(text: str, value: Any, *path: str) -> None:
    if problems := check_part(text, value):
        where = pointer(*path)
        raise BadInput("Some text cannot be stored.", *(FieldError(where + p.pointer, p.message) for p in problems))


def _head(head: dict[str, Any]) -> BatchRequest:
    try:
        return BatchRequest.model_validate(head)
    except ValidationError as invalid:
        raise _wrong_head(invalid.errors()) from invalid


def _wrong_head(errors: Sequence[Any]) -> RequestValidationError:
    return RequestValidationError([{**error, "loc": ("body", *error["loc"])} for error in errors])


def _json_rows(file: IO[bytes], head: BatchRequest) -> Iterator[SentItem]:
    scanner = JsonScanner(file)
    for name in scanner.members():
        if name != ROWS:
            scanner.value()
            continue
        yield from (_item(value, written, head) for value, written in scanner.elements())


def _line_rows(file: IO[bytes], head: BatchRequest, *, skip: int) -> Iterator[SentItem]:
    """Empty lines are no rows."""
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), b"")):
        if number < skip or not line.strip():
            continue
        if len(line) > MAX_LINE:
            raise UnreadableBody(f"A line is longer than {MAX_LINE} bytes.")
        try:
            text = line.decode("utf-8")
            value = DECODER.decode(text)
        except (ValueError, RecursionError) as wrong:
            message = str(wrong) if isinstance(wrong, NotStrictJson) else _NOT_JSON
            yield SentItem(problems=(FieldError("", message),))
            continue
        yield _item(value, text, head)


def _item(value: Any, written: str, head: BatchRequest) -> SentItem:
    if not isinstance(value, dict):
        return SentItem(problems=(FieldError("", "A row must be a JSON object."),))
    if problems := check_part(written, value):
        return SentItem(problems=problems)
    try:
        row = BatchItemRequest.model_validate(value)
    except ValidationError as invalid:
        return SentItem(problems=[FieldError(pointer(*error["loc"]), error["msg"]) for error in invalid.errors()])
    return SentItem(request=row.model_copy(update={"params": {**head.params, **row.params}}))


def _csv_rows(file: IO[bytes], head: BatchRequest, parameters: frozenset[str]) -> Iterator[SentItem]:
    """Lines without a cell are no rows. Raises InvalidParameters when the file cannot be read as CSV."""
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")
    try:
        header = text.readline()
        delimiter = max(DELIMITERS, key=header.count)
        columns = [name.strip() for name in next(csv.reader([header], delimiter=delimiter, strict=True), [])]
        template = ColumnTemplate(head.params, columns, parameters)
        for cells in csv.reader(text, delimiter=delimiter, strict=True):
            if cells:
                yield _unstorable_cell(cells) or template.item(cells)
    except UnicodeDecodeError as undecodable:
        raise _unreadable_csv("It is not UTF-8.") from undecodable
    except csv.Error as wrong:
        raise _unreadable_csv(f"{wrong}.") from wrong
    finally:
        text.detach()


def _unstorable_cell(cells: Sequence[str]) -> SentItem | None:
    if any("\0" in cell for cell in cells):
        return SentItem(problems=(FieldError("", "Text must not hold NUL."),))
    return None


def _unreadable_csv(reason: str) -> InvalidParameters:
    return InvalidParameters("The file cannot be read as CSV.", FieldError(f"/{FILE_FIELD}", reason))
