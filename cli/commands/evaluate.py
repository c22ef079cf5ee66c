"""`aijobs templates evaluate`: runs documents whose tables are known, and says how right the extracted ones are."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from rich.text import Text

from aijobs.bootstrap import document_reader
from aijobs.domain.documents.costs import money
from aijobs.domain.documents.formats import kind_by_name
from aijobs.domain.documents.table_comparison import Comparison, compare
from aijobs.domain.documents.templates import Row, Template, check_rows
from aijobs.domain.errors import BadInput, UnreadableFile
from aijobs.domain.lifecycle import JobStatus
from aijobs.settings import Settings
from cli import console
from cli.api_client import ApiClient, Document, api_path
from cli.errors import CommandError, Exit

MODEL: Final = "document_extract_v1"
SHIPPED: Final = Path(__file__).parents[1] / "samples" / "evaluation"
TABLES: Final = (".json", ".csv", ".xlsx")
MAX_WRONG_SHOWN: Final = 10


@dataclass(frozen=True)
class Known:
    """A document, and the file with its known table."""

    path: Path
    table: Path


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """One document's result. `comparison` is None where its job ended without a table, for the reason `error`."""

    name: str
    job: str
    seconds: float
    spent: Document
    comparison: Comparison | None = None
    error: str | None = None

    def as_json(self) -> Document:
        told: Document = {"document": self.name, "job": self.job, "seconds": self.seconds, **self.spent}
        return told | {"error": self.error} | (asdict(self.comparison) if self.comparison else {})


def shipped_folder(template_id: str) -> Path:
    """The sample set of a shipped template. Raises CommandError."""
    folder = SHIPPED / template_id
    if not folder.is_dir():
        names = ", ".join(sorted(path.name for path in SHIPPED.iterdir() if path.is_dir()))
        raise CommandError(f"No samples are shipped for {template_id}: name a folder. There are samples for {names}.")
    return folder


def known_documents(folder: Path) -> list[Known]:
    """The documents of a folder, each with its table beside it: `a.pdf` with `a.json`, `a.csv` or `a.xlsx`.

    A document that is a table itself has its known one in `a.expected.json` (or .csv, .xlsx). Raises CommandError that
    names every file without a counterpart.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as unreadable:
        raise CommandError(f"{folder} cannot be read: {unreadable.strerror}.") from unreadable
    tables = {path: table for path in files if (table := _table_of(path, files)) is not None}
    documents = [Known(path, table) for path, table in tables.items() if path not in tables.values()]
    alone = [path.name for path in files if path not in tables and path not in tables.values()]
    if alone:
        raise CommandError("Some files have no known table beside them.", details=tuple(alone))
    if not documents:
        raise CommandError(f"There are no documents in {folder}.")
    return documents


def _table_of(path: Path, files: Sequence[Path]) -> Path | None:
    expected = [path.with_suffix(f".expected{ending}") for ending in TABLES]
    beside = [path.with_suffix(ending) for ending in TABLES]
    return next((table for table in [*expected, *beside] if table in files and table != path and _is_read(path)), None)


def _is_read(path: Path) -> bool:
    if path.suffix == ".json" or path.stem.endswith(".expected"):
        return False
    try:
        kind_by_name(path.name)
    except UnreadableFile as refused:
        raise CommandError(f"{path.name}: {refused}") from refused
    return True


async def known_rows(settings: Settings, template: Template, path: Path) -> Sequence[Row]:
    """Raises CommandError that names what does not fit the template's columns."""
    try:
        if path.suffix != ".json":
            async with document_reader(settings).table(path, path.name, template.columns, template.layout) as table:
                return await asyncio.to_thread(lambda: list(table.rows()))
        checked = check_rows(template.columns, json.loads(await asyncio.to_thread(path.read_text, "utf-8")))
    except BadInput as refused:
        raise CommandError(
            f"{path.name}: {refused}", details=tuple(field.message for field in refused.fields)
        ) from refused
    except (ValueError, OSError) as invalid:
        raise CommandError(f"{path.name} is no JSON: {invalid}") from invalid
    if checked.errors:
        details = tuple(f"{error.pointer}: {error.message}" for error in checked.errors)
        raise CommandError(f"{path.name} does not fit the template's columns.", details=details)
    return checked.rows


async def evaluated(api: ApiClient, template: Template, document: Known, expected: Sequence[Row]) -> Evaluated:
    """Runs the document's job to its end."""
    began = time.monotonic()
    file = await api.upload(document.path)
    params = {"file": file["code"], "template": template.id}
    code = (await api.post("/api/jobs", {"model_id": MODEL, "params": params}))["code"]
    async for _ in api.events(code, after=0):
        pass
    job, seconds = await api.get(f"/api/jobs/{code}"), round(time.monotonic() - began, 2)
    if job["job_status"] != JobStatus.SUCCESS:
        reason = (job["error"] or {}).get("message") or job["job_status_name"]
        return Evaluated(name=document.path.name, job=code, seconds=seconds, spent={}, error=reason)
    with TemporaryDirectory(prefix="aijobs-") as folder:
        answer = await _answer(api, code, Path(folder))
    names = [column.name for column in template.columns]
    comparison = compare(names, expected, answer["rows"])
    return Evaluated(name=document.path.name, job=code, seconds=seconds, spent=answer["spent"], comparison=comparison)


async def _answer(api: ApiClient, code: str, folder: Path) -> Document:
    saved = await api.download(code, folder)
    (path,) = (path for path in saved if path.suffix == ".json")
    answer: Document = json.loads(await asyncio.to_thread(path.read_text, "utf-8"))
    return answer


async def evaluate(
    api: ApiClient, settings: Settings, template_id: str, folder: Path, *, at_once: int
) -> tuple[Template, list[Evaluated]]:
    """Everything that is known is read before the first document is sent, and paid for."""
    template = Template.model_validate(await api.get(api_path("templates", template_id)))
    documents = known_documents(folder)
    tables = [await known_rows(settings, template, document.table) for document in documents]
    slots = asyncio.Semaphore(at_once)

    async def run(document: Known, expected: Sequence[Row]) -> Evaluated:
        async with slots:
            return await evaluated(api, template, document, expected)

    running = [run(document, expected) for document, expected in zip(documents, tables, strict=True)]
    return template, await asyncio.gather(*running)


def report(template: Template, results: Sequence[Evaluated]) -> Document:
    """The whole result. Accuracy is the share of the known cells that are right; those of missed rows are not."""
    compared = [result.comparison for result in results if result.comparison is not None]
    expected = sum(comparison.expected for comparison in compared)
    correct = {
        column.name: sum(comparison.correct[column.name] for comparison in compared) for column in template.columns
    }
    cells = expected * len(correct)
    return {
        "template": template.id,
        "version": template.version,
        "documents": [result.as_json() for result in results],
        "failed": len(results) - len(compared),
        "rows": {
            "expected": expected,
            "found": sum(comparison.found for comparison in compared),
            "missed": sum(len(comparison.missed) for comparison in compared),
            "invented": sum(len(comparison.invented) for comparison in compared),
        },
        "columns": {
            name: {"correct": count, "expected": expected, "accuracy": _share(count, expected)}
            for name, count in correct.items()
        },
        "accuracy": _share(sum(correct.values()), cells),
        "tokens_in": sum(result.spent.get("tokens_in", 0) for result in results),
        "tokens_out": sum(result.spent.get("tokens_out", 0) for result in results),
        "cost": _total_cost(results),
        "seconds": round(sum(result.seconds for result in results), 2),
    }


def _total_cost(results: Sequence[Evaluated]) -> float | None:
    """None where the prices are not set."""
    costs = [result.spent.get("cost") for result in results if result.spent]
    return None if None in costs else round(sum(cost or 0.0 for cost in costs), 8)


def _share(count: int, of: int) -> float | None:
    return round(count / of, 4) if of else None


def show(told: Document) -> Exit:
    """Print the result for people. Exit.ERROR when a document's job failed."""
    console.show_table(
        ("DOCUMENT", "ROWS", "MISSED", "INVENTED", "WRONG CELLS", "COST", "TIME"),
        map(_line, told["documents"]),
        right=("ROWS", "MISSED", "INVENTED", "WRONG CELLS", "COST", "TIME"),
    )
    console.say("")
    lines = (
        (name, f"{column['correct']} of {column['expected']}", _percent(column["accuracy"]))
        for name, column in told["columns"].items()
    )
    console.show_table(("COLUMN", "RIGHT", "ACCURACY"), lines, right=("RIGHT", "ACCURACY"))
    console.say("")
    rows = told["rows"]
    console.say(
        Text(f"{_percent(told['accuracy'])} of the cells are right", style="bold"),
        f"· {rows['missed']} of {rows['expected']} rows missed, {rows['invented']} invented"
        f" · cost {_money(told['cost'])} · {console.seconds(told['seconds'])} of work",
    )
    for document in told["documents"]:
        _show_wrong(document)
    return Exit.ERROR if told["failed"] else Exit.SUCCESS


def _money(cost: float | None) -> str:
    return "unknown" if cost is None else money(cost)


def _line(document: Document) -> tuple[str | Text, ...]:
    cost, seconds = _money(document.get("cost")), console.seconds(document["seconds"])
    if document["error"] is not None:
        return document["document"], Text("failed", style="red"), "", "", "", cost, seconds
    counts = (len(document[name]) for name in ("missed", "invented", "wrong"))
    return document["document"], f"{document['found']}/{document['expected']}", *map(str, counts), cost, seconds


def _show_wrong(document: Document) -> None:
    if document["error"] is not None:
        console.say(console.WRONG, f"{document['document']}: {document['error']}")
        return
    for cell in document["wrong"][:MAX_WRONG_SHOWN]:
        said = f"{document['document']}, row {cell['row'] + 1}, {cell['column']}"
        console.say(console.DOUBT, f"{said}: {_shown(cell['found'])} instead of {_shown(cell['expected'])}")


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"
