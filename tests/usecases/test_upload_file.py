"""Storing an upload: the object and its row, or neither. An object that may be in use is never deleted."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import Session, select

from aijobs.domain.errors import FileTooLarge, NotAllowed, NotFound, StoreUnavailable, UnreadableFile
from aijobs.domain.values.actors import Owner
from aijobs.persistence.jobs.queries import file_of
from aijobs.persistence.jobs.write_intents import finish_write
from aijobs.persistence.tables import FileRow, WriteIntentRow
from aijobs.usecases.upload_file import Upload, keep_stored, stored
from api.dependencies import ApiDependencies
from tests.api.pictures import picture


def upload_of(content: bytes, folder: Path, name: str = "photo.jpg") -> Upload:
    path = folder / "upload"
    path.write_bytes(content)
    return Upload(path=path, name=name, size=len(content), sha256=hashlib.sha256(content).hexdigest())


def a_file() -> FileRow:
    code = "file_00000000000000000000000000"
    return FileRow(
        code=code,
        user_id="ada",
        create_by="key",
        name="a.txt",
        media_type="text/plain",
        size=2,
        sha256="",
        width=None,
        height=None,
        key=f"files/{code}.txt",
    )


async def content() -> AsyncIterator[bytes]:
    yield b"hi"


async def is_stored(app: ApiDependencies, key: str) -> bool:
    try:
        return bool([chunk async for chunk in app.store.read(key)])
    except NotFound:
        return False


async def intents(app: ApiDependencies) -> list[str]:
    def work(session: Session) -> list[str]:
        return list(session.exec(select(WriteIntentRow.key)))

    return await app.database.read(work)


async def test_an_upload_is_kept_once_for_a_key(app: ApiDependencies, ada: Owner, tmp_path: Path) -> None:
    upload = upload_of(picture(), tmp_path)
    first = await app.keep_upload(upload, ada, idempotency_key="up-1")
    again = await app.keep_upload(upload, ada, idempotency_key="up-1")

    file = await app.database.read(file_of, first.code, user_id="ada")
    assert again == first
    assert (file.media_type, file.size, file.key) == ("image/jpeg", upload.size, f"files/{first.code}.jpg")
    assert await is_stored(app, file.key)
    assert await intents(app) == []


async def test_what_is_refused_leaves_its_key_free_and_nothing_behind(
    app: ApiDependencies, ada: Owner, tmp_path: Path
) -> None:
    broken = upload_of(picture()[:-200], tmp_path)
    small = replace(app.keep_upload, max_bytes=10)

    for _ in range(2):
        with pytest.raises(UnreadableFile):
            await app.keep_upload(broken, ada, idempotency_key="up-1")
    with pytest.raises(FileTooLarge):
        await small(broken, ada)
    assert await intents(app) == []


async def swept_and_kept(app: ApiDependencies, row: FileRow) -> None:
    async with stored(app.database, app.store, row, content()):
        await app.database.write(finish_write, row.key)
        await app.database.write(keep_stored, row)


async def lost(app: ApiDependencies, row: FileRow, *, after_commit: bool) -> None:
    """As when the connection is lost during a commit."""
    async with stored(app.database, app.store, row, content()):
        if after_commit:
            await app.database.write(keep_stored, row)
        raise OSError("lost")


async def test_an_object_that_the_sweep_has_given_up_is_not_kept(app: ApiDependencies) -> None:
    row = a_file()

    with pytest.raises(StoreUnavailable):
        await swept_and_kept(app, row)

    assert not await is_stored(app, row.key)
    assert await intents(app) == []


async def test_what_has_refused_a_file_is_said_also_where_the_store_cannot_delete_it(app: ApiDependencies) -> None:
    row = a_file()

    async def refused() -> None:
        async with stored(app.database, app.store, row, content()):
            (path,) = Path(app.all_settings.data_dir).rglob("file_0*.txt")
            path.unlink()
            path.mkdir()  # which no store deletes as a file
            raise NotAllowed("Not today.")

    with pytest.raises(NotAllowed, match="Not today"):
        await refused()

    assert await intents(app) == [row.key]


async def test_after_a_failure_of_ours_the_object_is_left_to_the_sweep(app: ApiDependencies) -> None:
    row = a_file()

    with pytest.raises(OSError, match="lost"):
        await lost(app, row, after_commit=False)

    assert await is_stored(app, row.key)
    assert await intents(app) == [row.key]


async def test_a_file_whose_commit_was_not_heard_of_is_still_there(app: ApiDependencies) -> None:
    row = a_file()

    with pytest.raises(OSError, match="lost"):
        await lost(app, row, after_commit=True)

    assert (await app.database.read(file_of, f"file_{'0' * 26}", user_id="ada")).key == f"files/file_{'0' * 26}.txt"
    assert await is_stored(app, f"files/file_{'0' * 26}.txt")
    assert await intents(app) == []
