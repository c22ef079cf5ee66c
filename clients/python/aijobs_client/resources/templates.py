"""Prompt templates, documents, and the tables that come of them."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from aijobs_client.call import Call
from aijobs_client.models import File, Job, Page
from aijobs_client.operations import PAGE, get, idempotent_post, nothing, read_as, upload, upload_key
from aijobs_client.resources.document_models import CostEstimate, Preview, Template, TemplateBrief, TemplateRow

TEMPLATES: Final = "/api/templates"
DOCUMENTS: Final = "/api/documents"
MODEL: Final = "document_extract_v1"
FORMATS: Final = {".csv": "csv", ".xlsx": "xlsx"}  #: of a saved table, by the ending of its name

T = TypeVar("T")


class Templates(ABC):
    """Methods of Client."""

    @abstractmethod
    def _send(self, call: Call[T]) -> T: ...

    @abstractmethod
    def _save(self, call: Call[None], to: Path | str) -> Path: ...

    @abstractmethod
    def _pages(self, call: Callable[[str | None], Call[Page[T]]]) -> Iterator[T]: ...

    def templates(self) -> Iterator[TemplateBrief]:
        """Sorted by id, without their prompts."""
        return self._pages(_list)

    def template(self, template_id: str, *, version: int | None = None) -> Template:
        """The newest version, or that one. For service keys: prompts belong to the operator."""
        return self._send(get(_path(template_id), Template, {"version": version}))

    def template_versions(self, template_id: str) -> Iterator[TemplateBrief]:
        """Newest first."""
        return self._pages(_versions(template_id))

    def save_template(self, template_id: str, definition: Mapping[str, Any]) -> Template:
        """Save a new version; the same definition again changes nothing. With `warnings` about its stages.

        `definition` has `name`, `prompt` and `columns`, and what else the API's `TemplateDefinition` describes.
        """
        return self._send(_put(template_id, definition))

    def delete_template(self, template_id: str) -> None:
        """No new job can use it."""
        self._send(_delete(_path(template_id)))

    def preview_template(self, prompt: str, *, stages: Mapping[str, Any] | None = None) -> Preview:
        """How a prompt is cut into stages. Nothing is saved."""
        return self._send(_preview(prompt, stages))

    def submit_document(
        self, template_id: str, document: Path | str | File, *, idempotency_key: str | None = None
    ) -> Job:
        """Have a document's table extracted: a path, which is uploaded first, or an upload. Raises OSError."""
        file = document if isinstance(document, File) else self._send(_upload(document, idempotency_key))
        return self._send(_extract(template_id, file, idempotency_key))

    def estimate_document(self, template_id: str, document: File) -> CostEstimate:
        """What an uploaded document would cost. Nothing is asked, and nothing is kept."""
        return self._send(_estimate(template_id, document))

    def template_rows(
        self, template_id: str, *, source: str | None = None, with_sources: bool = False
    ) -> Iterator[TemplateRow]:
        """The rows that came of documents, the oldest first. `source`: the code of a job or of an uploaded table."""
        return self._pages(_rows(template_id, source, with_sources=with_sources))

    def save_rows(
        self,
        template_id: str,
        to: Path | str,
        *,
        source: str | None = None,
    ) -> Path:
        """Save the rows as one file, by its name CSV or Excel. Raises OSError, and ValueError for another ending."""
        return self._save(_table(template_id, source, Path(to)), to)

    def review_document(self, code: str, rows: Iterable[Mapping[str, Any]] = (), *, accept: bool = False) -> Job:
        """Correct the table of a job: `{"row": 1, "values": {…}}`, `{"row": 2, "remove": True}`; all, or none.

        `accept`: it is good now, and needs no review any more.
        """
        return self._send(_review(code, rows, accept=accept))

    def delete_document(self, code: str) -> None:
        """Delete a document's job, its table and its upload. Raises ApiError, `still_in_use` while it has not ended."""
        self._send(_delete(f"{DOCUMENTS}/{quote(code, safe='')}"))


class AsyncTemplates(ABC):
    """Methods of AsyncClient, as those of Templates."""

    @abstractmethod
    async def _send(self, call: Call[T]) -> T: ...

    @abstractmethod
    async def _save(self, call: Call[None], to: Path | str) -> Path: ...

    @abstractmethod
    def _pages(self, call: Callable[[str | None], Call[Page[T]]]) -> AsyncIterator[T]: ...

    async def templates(self) -> AsyncIterator[TemplateBrief]:
        """Sorted by id, without their prompts."""
        async for one in self._pages(_list):
            yield one

    async def template(self, template_id: str, *, version: int | None = None) -> Template:
        """The newest version, or that one. For service keys: prompts belong to the operator."""
        return await self._send(get(_path(template_id), Template, {"version": version}))

    async def template_versions(self, template_id: str) -> AsyncIterator[TemplateBrief]:
        """Newest first."""
        async for one in self._pages(_versions(template_id)):
            yield one

    async def save_template(self, template_id: str, definition: Mapping[str, Any]) -> Template:
        """Save a new version; the same definition again changes nothing. With `warnings` about its stages.

        `definition` has `name`, `prompt` and `columns`, and what else the API's `TemplateDefinition` describes.
        """
        return await self._send(_put(template_id, definition))

    async def delete_template(self, template_id: str) -> None:
        """No new job can use it."""
        await self._send(_delete(_path(template_id)))

    async def preview_template(self, prompt: str, *, stages: Mapping[str, Any] | None = None) -> Preview:
        """How a prompt is cut into stages. Nothing is saved."""
        return await self._send(_preview(prompt, stages))

    async def submit_document(
        self, template_id: str, document: Path | str | File, *, idempotency_key: str | None = None
    ) -> Job:
        """Have a document's table extracted: a path, which is uploaded first, or an upload. Raises OSError."""
        file = document if isinstance(document, File) else await self._send(_upload(document, idempotency_key))
        return await self._send(_extract(template_id, file, idempotency_key))

    async def estimate_document(self, template_id: str, document: File) -> CostEstimate:
        """What an uploaded document would cost. Nothing is asked, and nothing is kept."""
        return await self._send(_estimate(template_id, document))

    async def template_rows(
        self, template_id: str, *, source: str | None = None, with_sources: bool = False
    ) -> AsyncIterator[TemplateRow]:
        """The rows that came of documents, the oldest first. `source`: the code of a job or of an uploaded table."""
        async for one in self._pages(_rows(template_id, source, with_sources=with_sources)):
            yield one

    async def save_rows(
        self,
        template_id: str,
        to: Path | str,
        *,
        source: str | None = None,
    ) -> Path:
        """Save the rows as one file, by its name CSV or Excel. Raises OSError, and ValueError for another ending."""
        return await self._save(_table(template_id, source, Path(to)), to)

    async def review_document(self, code: str, rows: Iterable[Mapping[str, Any]] = (), *, accept: bool = False) -> Job:
        """Correct the table of a job: `{"row": 1, "values": {…}}`, `{"row": 2, "remove": True}`; all, or none.

        `accept`: it is good now, and needs no review any more.
        """
        return await self._send(_review(code, rows, accept=accept))

    async def delete_document(self, code: str) -> None:
        """Delete a document's job, its table and its upload. Raises ApiError, `still_in_use` while it has not ended."""
        await self._send(_delete(f"{DOCUMENTS}/{quote(code, safe='')}"))


def _path(template_id: str, suffix: str = "") -> str:
    return f"{TEMPLATES}/{quote(template_id, safe='')}{suffix}"


def _list(cursor: str | None) -> Call[Page[TemplateBrief]]:
    return get(TEMPLATES, Page[TemplateBrief], {"cursor": cursor, "limit": PAGE})


def _versions(template_id: str) -> Callable[[str | None], Call[Page[TemplateBrief]]]:
    path = _path(template_id, "/versions")
    return lambda cursor: get(path, Page[TemplateBrief], {"cursor": cursor, "limit": PAGE})


def _put(template_id: str, definition: Mapping[str, Any]) -> Call[Template]:
    read = read_as(Template)
    return Call(method="PUT", path=_path(template_id), read=read, is_safe=True, body=dict(definition))


def _delete(path: str) -> Call[None]:
    return Call(method="DELETE", path=path, read=nothing, is_safe=False)


def _preview(prompt: str, stages: Mapping[str, Any] | None) -> Call[Preview]:
    body = {"prompt": prompt, **({"stages": dict(stages)} if stages else {})}
    return Call(method="POST", path=f"{TEMPLATES}/preview", read=read_as(Preview), is_safe=True, body=body)


def _upload(document: Path | str, idempotency_key: str | None) -> Call[File]:
    return upload(Path(document), idempotency_key=upload_key(idempotency_key, "document"))


def _extract(template_id: str, file: File, idempotency_key: str | None) -> Call[Job]:
    body = {"model_id": MODEL, "params": {"template": template_id, "file": file.code}}
    return idempotent_post("/api/jobs", Job, idempotency_key, body=body)


def _estimate(template_id: str, document: File) -> Call[CostEstimate]:
    read, body = read_as(CostEstimate), {"file": document.code}
    return Call(method="POST", path=_path(template_id, "/estimate"), read=read, is_safe=True, body=body)


def _rows(
    template_id: str, source: str | None, *, with_sources: bool
) -> Callable[[str | None], Call[Page[TemplateRow]]]:
    query = {"source": source, "expand": "sources" if with_sources else None, "limit": PAGE}
    path = _path(template_id, "/rows")
    return lambda cursor: get(path, Page[TemplateRow], {**query, "cursor": cursor})


def _table(template_id: str, source: str | None, to: Path) -> Call[None]:
    if (table_format := FORMATS.get(to.suffix.lower())) is None:
        raise ValueError(f"{to.name!r} does not end in {' or '.join(FORMATS)}")
    named = {"source": source, "format": table_format}
    query = {name: value for name, value in named.items() if value is not None}
    return Call(method="GET", path=_path(template_id, "/rows"), read=lambda _: None, is_safe=True, query=query)


def _review(code: str, rows: Iterable[Mapping[str, Any]], *, accept: bool) -> Call[Job]:
    """Not repeated by itself: a row that is added would be added again."""
    body = {"rows": [dict(row) for row in rows], "accept": accept}
    path = f"{DOCUMENTS}/{quote(code, safe='')}/review"
    return Call(method="POST", path=path, read=read_as(Job), is_safe=False, body=body)
