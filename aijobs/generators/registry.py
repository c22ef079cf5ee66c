"""Every generator, in one table, built from the adapters that it needs.

To add one: write its module, which knows the domain only, add it to `opened_generators` under the name that models have
as their `provider` in the catalogue, and enable it by the settings of the adapters that it requires.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aijobs.adapters.chat import MEMORY_FILE, ChatSettings
from aijobs.adapters.chat import opened as opened_chat
from aijobs.adapters.documents.excel import sourced_workbook
from aijobs.adapters.documents.reader import DocumentReader
from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.formats import DocumentSize, ReadDocument
from aijobs.domain.documents.sources import RowSources
from aijobs.domain.documents.templates import Row
from aijobs.domain.errors import FileTooLarge
from aijobs.domain.ports.generators import Generator
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.ports.photos import PhotoMeasurer
from aijobs.domain.provider_io import UploadedFile
from aijobs.generators.document import DocumentExtractor
from aijobs.generators.names import ANSWER, DOCUMENT, PHOTO_REVIEW
from aijobs.generators.photo_review import PhotoReviewer
from aijobs.generators.text_answer import TextAnswerer
from aijobs.persistence.database import Database
from aijobs.persistence.documents.conversations import DatabaseConversations
from aijobs.persistence.documents.templates import DatabaseTemplateSource
from aijobs.persistence.photo_reviews import DatabaseReviewStore

MAX_FILE_BYTES: Final = 50 * 1024 * 1024


@asynccontextmanager
async def opened_generators(
    chat_settings: ChatSettings,
    data_dir: Path | None = None,
    *,
    database: Database,
    store: ObjectStore,
    reader: DocumentReader,
    pictures: PhotoMeasurer,
) -> AsyncIterator[Mapping[str, Generator]]:
    """The generators that are configured, by name, for as long as the context lasts.

    The photo review is always there: without a language model with vision photos are measured. What the chat endpoint
    refuses is kept in `data_dir`.
    """
    currency = chat_settings.currency if chat_settings.terms.has_prices else None
    conversations = DatabaseConversations(database, currency=currency)
    documents = StoredDocuments(store, reader)
    reviews = DatabaseReviewStore(database)
    if not chat_settings.token:
        yield {PHOTO_REVIEW: PhotoReviewer(None, conversations, documents, reviews, pictures)}
        return
    memory = None if data_dir is None else data_dir / MEMORY_FILE
    async with opened_chat(chat_settings, memory=memory) as chat:
        vision_chat = chat if chat_settings.vision else None
        yield {
            ANSWER: TextAnswerer(chat, conversations, documents, pictures, has_vision=chat_settings.vision),
            DOCUMENT: DocumentExtractor(chat, conversations, DatabaseTemplateSource(database), documents),
            PHOTO_REVIEW: PhotoReviewer(vision_chat, conversations, documents, reviews, pictures),
        }


class StoredDocuments:
    """Uploads in the object store, read in guarded processes. Implements DocumentStore and PhotoSource."""

    def __init__(self, store: ObjectStore, reader: DocumentReader) -> None:
        self._store = store
        self._reader = reader

    async def read(self, file: UploadedFile) -> ReadDocument:
        return await self._reader.read(await self.content(file), _name(file))

    async def size(self, file: UploadedFile) -> DocumentSize:
        with tempfile.TemporaryDirectory(prefix="aijobs-") as folder:
            path, content = Path(folder) / "document", await self.content(file)
            await asyncio.to_thread(path.write_bytes, content)
            async with self._reader.checked(path, _name(file)) as checked:
                return checked.size

    async def content(self, file: UploadedFile) -> bytes:
        return b"".join([chunk async for chunk in self.chunks(file)])

    async def chunks(self, file: UploadedFile) -> AsyncIterator[bytes]:
        if file.size > MAX_FILE_BYTES:
            raise FileTooLarge(f"The file has {file.size} bytes; {MAX_FILE_BYTES} is the most.")
        async for chunk in self._store.read(file.key):
            yield chunk

    async def workbook(self, columns: Sequence[Column], rows: Sequence[Row], sources: Sequence[RowSources]) -> bytes:
        return await asyncio.to_thread(sourced_workbook, columns, rows, sources)


def _name(file: UploadedFile) -> str:
    """The name of a scan or photo need not say that it is one."""
    image = file.media_type.removeprefix("image/")
    return file.name if image == file.media_type else f"picture.{image}"
