"""Finds what is due, portion by portion: users who are erased, what was deleted, and what has outlived its time."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Concatenate, ParamSpec

from sqlmodel import Session

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.job import late_watch_id
from aijobs.domain.jobs.retention import LetGo, RetentionPolicy, RetentionSettings
from aijobs.domain.ports.retention import Portion
from aijobs.persistence.batches import steering
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.retention import due_files, due_jobs, erasures, leftovers, pseudonyms
from aijobs.persistence.retention.due_files import DueFile
from aijobs.persistence.retention.due_jobs import DueJobs, is_old
from aijobs.persistence.retention.erasures import WaitsFor
from aijobs.persistence.retention.job_parts import delivery_codes, erase_parts, output_keys
from aijobs.persistence.retention.rules import note_position, users_lifetimes, walk_position
from aijobs.persistence.tables import ErasureRow

P = ParamSpec("P")
Portions = AsyncIterator[Portion]


class DatabaseRetention:
    """Implements Retention."""

    def __init__(self, database: Database, catalogue: Catalogue, settings: RetentionSettings) -> None:
        self._database = database
        self._catalogue = catalogue
        self._settings = settings

    async def due(self, *, histories_kept: timedelta) -> Portions:
        for row in await self._database.read(erasures.unfinished_erasures):
            async for portion in self._of_user(row):
                yield portion
        before = now() - self._settings.deleted
        async for portion in self._deleted(before, histories_kept):
            yield portion
        policy = await self._policy()
        for walk in (self._walk_files, self._walk_jobs, self._walk_leftovers):
            async for portion in walk(policy, histories_kept):
                yield portion

    async def _policy(self) -> RetentionPolicy:
        await self._catalogue.refresh()
        models = {model.model_id: model.retention for model in self._catalogue}
        users = await self._database.read(users_lifetimes)
        return RetentionPolicy(settings=self._settings, models=models, users=users)

    async def _deleted(self, before: Any, histories_kept: timedelta) -> Portions:
        while due := await self._database.read(due_jobs.deleted_jobs, before=before):
            yield await self._jobs("deleted_jobs", due, histories_kept)
        while codes := await self._database.read(due_files.deleted_reviews, before=before):
            yield self._rows("deleted_reviews", len(codes), due_files.erase_reviews, codes)
        while files := await self._database.read(due_files.deleted_files, before=before):
            yield self._files("deleted_files", files)

    async def _walk_jobs(self, policy: RetentionPolicy, histories_kept: timedelta) -> Portions:
        position = await self._database.read(walk_position, "jobs", every=self._settings.walk_every)
        while position is not None:
            walked = await self._database.read(due_jobs.walk_on, policy, position)
            for seen in walked.due:
                if due := await self._database.read(due_jobs.still_due, seen):
                    yield await self._jobs("old_jobs", due, histories_kept)
            await self._database.write(note_position, "jobs", walked.position, begins=position == 0)
            position = walked.position

    async def _walk_files(self, policy: RetentionPolicy, _histories_kept: timedelta) -> Portions:
        position = await self._database.read(walk_position, "files", every=self._settings.walk_every)
        while position is not None:
            walked = await self._database.read(due_files.walk_on, policy, position)
            for first in range(0, len(walked.due), due_files.AT_ONCE):
                some = walked.due[first : first + due_files.AT_ONCE]
                if due := await self._database.read(due_files.still_due, policy, some):
                    yield self._files("old_files", due)
            await self._database.write(note_position, "files", walked.position, begins=position == 0)
            position = walked.position

    async def _walk_leftovers(self, _policy: RetentionPolicy, _histories_kept: timedelta) -> Portions:
        if await self._database.read(walk_position, "leftovers", every=self._settings.walk_every) is None:
            return
        while found := await self._database.read(leftovers.expired, self._settings):
            for some in found:
                yield self._rows(some.table.name, len(some.keys), leftovers.forget_expired, some)
        trimmed = leftovers.AT_ONCE
        while trimmed == leftovers.AT_ONCE:  # each time an act is added, which says so
            trimmed = await self._database.write(leftovers.trim_acts, self._settings)
            if trimmed:
                yield self._rows("acts", trimmed, _nothing)
        await self._database.write(note_position, "leftovers", None, begins=True)

    async def _of_user(self, erasure: ErasureRow) -> Portions:
        user_id = erasure.user_id
        assert user_id is not None, "one that has not ended names its user"
        if (waits_for := await self._database.read(erasures.what_it_waits_for, user_id)) is not None:
            async for portion in self._begin(erasure, user_id, waits_for):
                yield portion
            return
        async for portion in self._everything_of(user_id, erasure.pseudonym):
            if await self._database.read(erasures.what_it_waits_for, user_id) is not None:
                return  # since it was begun; the next round says what
            note = partial(self._note, erasure, None, {portion.what: portion.count})
            yield replace(portion, commit=_one_after_another(portion.commit, note))
        await self._database.write(erasures.finish, erasure.code)
        await self._database.forget_erased()

    async def _begin(self, erasure: ErasureRow, user_id: str, waits_for: WaitsFor) -> Portions:
        """What has not ended is canceled."""
        note = partial(self._note, erasure, waits_for, {})
        if waits_for not in {WaitsFor.UNFINISHED_JOBS, WaitsFor.UNFINISHED_BATCHES}:
            await note()
            return
        codes = await self._database.read(erasures.unfinished_jobs, user_id)
        batches = await self._database.write(_cancel_batches, user_id)
        yield Portion(what="canceled", count=len(codes), cancel=tuple(codes), wake=tuple(batches), commit=note)

    async def _note(self, erasure: ErasureRow, waits_for: WaitsFor | None, done: dict[str, int]) -> None:
        await self._database.write(erasures.note_progress, erasure.code, waits_for=waits_for, done=done)

    async def _everything_of(self, user_id: str, pseudonym: str) -> Portions:
        read = self._database.read
        while due := await read(due_jobs.jobs_of_user, user_id):
            rename = partial(self._database.write, pseudonyms.rename_jobs, due.codes, user_id, pseudonym)
            portion = await self._jobs("jobs", due, timedelta.max)
            yield replace(portion, commit=_one_after_another(portion.commit, rename))
        while codes := await read(due_files.reviews_of_user, user_id):
            yield self._rows("reviews", len(codes), due_files.erase_reviews, codes)
        while files := await read(due_files.files_of_user, user_id):
            yield self._files("files", files)
        while items := await read(pseudonyms.items_of_user, user_id):
            yield self._rows("items", len(items), pseudonyms.rename_items, items, pseudonym)
        while codes := await read(pseudonyms.batches_of_user, user_id):
            portion = self._rows("batches", len(codes), pseudonyms.rename_batches, codes, pseudonym)
            yield replace(portion, histories=tuple(codes))
        while found := await read(pseudonyms.rows_of_user, user_id):
            table, keys = found
            yield self._rows(table.name, len(keys), leftovers.forget, table, keys)

    async def _jobs(self, what: str, due: DueJobs, histories_kept: timedelta) -> Portion:
        keys = await self._database.read(output_keys, due.codes) if LetGo.OUTPUTS in due.parts else []
        histories: list[str] = []
        if LetGo.JOB in due.parts and not is_old(due.since, histories_kept):
            deliveries = await self._database.read(delivery_codes, due.codes)
            histories = [*due.codes, *map(late_watch_id, due.codes), *deliveries]
        commit = partial(self._database.write, _erase_jobs, due)
        return Portion(what=what, count=len(due.codes), keys=tuple(keys), histories=tuple(histories), commit=commit)

    def _files(self, what: str, files: list[DueFile]) -> Portion:
        keys, codes = tuple(file.key for file in files), [file.code for file in files]
        return replace(self._rows(what, len(files), due_files.erase_files, codes), keys=keys)

    def _rows(
        self, what: str, count: int, work: Callable[Concatenate[Session, P], Any], *args: P.args, **kwargs: P.kwargs
    ) -> Portion:
        return Portion(what=what, count=count, commit=partial(self._database.write, work, *args, **kwargs))


def _erase_jobs(session: Session, due: DueJobs) -> None:
    erase_parts(session, due.codes, due.parts)
    if LetGo.JOB in due.parts and due.reviews:
        due_files.let_reviews_go(session, due.reviews, due.codes)


def _cancel_batches(session: Session, user_id: str) -> list[str]:
    batches = erasures.unfinished_batches(session, user_id)
    for batch in batches:
        steering.cancel(session, batch)
    return [batch.code for batch in batches]


def _nothing(_session: Session) -> None:
    """It is done already."""


def _one_after_another(*steps: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[None]]:
    async def commit() -> None:
        for step in steps:
            await step()

    return commit
