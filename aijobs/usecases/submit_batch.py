"""Accepting a batch: every row is checked before it appears, and before a point is reserved."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from sqlmodel import Session, col, select

from aijobs.domain.catalogue import Model
from aijobs.domain.errors import BadInput, FieldError, InvalidParameters, NotAllowed, TemporalUnavailable
from aijobs.domain.jobs.batches.batch import BatchRequest, SentItem
from aijobs.domain.jobs.batches.columns import kinds_of, typed
from aijobs.domain.jobs.job import MAX_METADATA_KEYS
from aijobs.domain.jobs.parameters import FileInput, Parameters, check_parameters, uploads_in
from aijobs.domain.ports.workflow_control import JobEngine
from aijobs.domain.values.actors import Owner
from aijobs.domain.values.json_pointer import pointer
from aijobs.persistence.access import idempotency
from aijobs.persistence.access.batches import chunked
from aijobs.persistence.access.idempotency import IdempotencyClaim, Receipt
from aijobs.persistence.batches import loading
from aijobs.persistence.batches.loading import CheckedItem
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.tables import BatchRow, FileRow
from aijobs.usecases.accept_job import CLOCK_TOLERANCE
from aijobs.usecases.idempotency import Render, claim_for, claimed
from aijobs.usecases.models import AvailableModels

MAX_PROBLEMS: Final = 1000
"""After so many wrong fields, the rows behind them are not looked at."""

UserOf = Callable[[str | int | None], str]
"""The user of a row that names this one. Raises InvalidParameters and NotAllowed."""

log = structlog.get_logger()


@dataclass(kw_only=True)
class _Rows:
    """What is known of the rows so far."""

    items_of: Counter[str] = field(default_factory=Counter)
    problems: list[FieldError] = field(default_factory=list)
    users: dict[str | int | None, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return self.items_of.total()


@dataclass(frozen=True, kw_only=True)
class SubmitBatch:
    """`webhook_url_error` says why webhooks cannot be sent to a URL; `render` makes the response for a new batch."""

    database: Database
    models: AvailableModels
    engine: JobEngine
    daily_limit: int
    webhook_url_error: Callable[[str], str | None]
    render: Render[BatchRow]

    async def parameter_names(self, model_id: str) -> frozenset[str]:
        """The names that a column of a CSV may have. Raises UnknownModel, ModelRetired, ModelNotConfigured."""
        _, parameters = await self._model(model_id)
        return frozenset(parameters.model_fields)

    async def __call__(
        self,
        request: BatchRequest,
        chunks: Iterator[Sequence[SentItem]],
        owner: Owner,
        user_of: UserOf,
        *,
        named_user: str | None,
        idempotency_key: str | None = None,
        digest: str = "",
    ) -> Receipt:
        """The receipt of a new batch, whose first jobs are started soon.

        `chunks` read the rows, on a thread. `named_user`: whose batch it is; nobody's in particular where each row
        names its own. `digest` is of the whole body. Raises BadInput and its subclasses, PointsExhausted,
        IdempotencyMismatch and IdempotencyInFlight; then nothing is left of it.
        """
        claim = claim_for(owner, idempotency_key, {"batch": request.model_dump(mode="json"), "sha256": digest})
        async with claimed(self.database, claim) as first:
            if first is not None:
                return first
            model, parameters = await self._model(request.model_id)
            self._check(request, model, named_user)
            batch = await self.database.write(
                loading.begin, request, model, user_id=named_user, created_by=owner.key_id
            )
            assert batch.id is not None, "what was written has an id"
            try:
                rows = await self._load(batch.id, request, model, parameters, chunks, user_of)
                receipt = await self.database.write(self._publish, batch.id, rows.items_of, claim)
            except BaseException:
                await asyncio.shield(self.database.write(loading.discard, batch.id))
                raise
        await self._start(batch.code)
        return receipt

    async def _model(self, model_id: str) -> tuple[Model, type[Parameters]]:
        await self.models.look_for(model_id)
        model = self.models.model_on(model_id, now().date())
        return model, self.models.configured_adapter(model).parameters(model)

    def _check(self, request: BatchRequest, model: Model, named_user: str | None) -> None:
        problems = list(_time_problems(request))
        if request.output_count > model.max_output_count:
            message = f"{model.model_name} makes at most {model.max_output_count}."
            problems.append(FieldError("/output_count", message))
        for name, url in (("callback_url", request.callback_url), ("item_callback_url", request.item_callback_url)):
            if url is not None and (problem := self.webhook_url_error(url)):
                problems.append(FieldError(f"/{name}", problem))
        if request.callback_url is not None and named_user is None:
            message = "Name a user_id for the batch: that user's secret signs what is sent there."
            problems.append(FieldError("/callback_url", message))
        if problems:
            raise InvalidParameters("The batch is not as it should be.", *problems)

    async def _load(
        self,
        batch_id: int,
        request: BatchRequest,
        model: Model,
        parameters: type[Parameters],
        chunks: Iterator[Sequence[SentItem]],
        user_of: UserOf,
    ) -> _Rows:
        """Check and write the rows, a chunk at a time. After the first wrong one, the others are only checked."""
        rows, first = _Rows(), 0
        check = _RowCheck(request, model, parameters, kinds_of(parameters), user_of)
        while len(rows.problems) < MAX_PROBLEMS:
            chunk = await asyncio.to_thread(next, chunks, None)
            if chunk is None:
                break
            items = await asyncio.to_thread(check, rows, first, chunk)
            rows.problems += await self._file_problems(parameters, items)
            if not rows.problems:
                await self.database.write(loading.add_items, batch_id, first, [item for _, item in items])
            first += len(chunk)
        if rows.problems:
            raise InvalidParameters("Some rows are wrong; nothing was accepted.", *rows.problems)
        if not rows.count:
            raise InvalidParameters("There are no rows.", FieldError("/rows", "A batch has at least one row."))
        return rows

    def _publish(
        self, session: Session, batch_id: int, items_of: Mapping[str, int], claim: IdempotencyClaim | None
    ) -> Receipt:
        batch = loading.publish(session, batch_id, items_of, daily_limit=self.daily_limit)
        receipt = Receipt(code=batch.code, answer=self.render(batch))
        if claim is not None:
            idempotency.settle(session, claim, receipt)
        return receipt

    async def _start(self, code: str) -> None:
        try:
            await self.engine.wake_batch(code)
        except TemporalUnavailable as error:
            log.warning("batch_left_to_repair", batch=code, reason=str(error))

    async def _file_problems(
        self, parameters: type[Parameters], items: Sequence[tuple[int, CheckedItem]]
    ) -> list[FieldError]:
        """Uploads that a row names and that its user does not have, or that are of another kind."""
        fields = parameters.file_fields()
        named = [
            (number, where, code, mark, item.user_id)
            for number, item in items
            for where, code, mark in uploads_in(item.params, fields)
        ]
        if not named:
            return []
        kinds = await self.database.read(_media_types, {code for _, _, code, _, _ in named})
        return [
            FieldError(pointer("rows", number, "params", *where), problem)
            for number, where, code, mark, user_id in named
            if (problem := _file_problem(kinds.get(code), user_id, mark))
        ]


@dataclass(frozen=True)
class _RowCheck:
    """Checks a chunk of rows, on a thread."""

    request: BatchRequest
    model: Model
    parameters: type[Parameters]
    kinds: Mapping[str, frozenset[str]]
    user_of: UserOf

    def __call__(self, rows: _Rows, first: int, chunk: Sequence[SentItem]) -> list[tuple[int, CheckedItem]]:
        """The right rows with their numbers; what is wrong with the others is added to the problems."""
        checked = []
        for number, sent in enumerate(chunk, first):
            try:
                item = self._item(rows, sent)
            except BadInput as wrong:
                rows.problems += [FieldError(f"/rows/{number}{one.pointer}", one.message) for one in wrong.fields]
                continue
            rows.items_of[item.user_id] += 1
            checked.append((number, item))
        return checked

    def _item(self, rows: _Rows, sent: SentItem) -> CheckedItem:
        if sent.request is None:
            raise InvalidParameters("This row is wrong.", *sent.problems)
        params: Mapping[str, Any] = sent.request.params
        if sent.texts:
            params = typed(params, sent.texts, self.kinds)
        user_id = self._user(rows, sent.request.user_id)
        metadata = {**self.request.metadata, **sent.request.metadata}
        if len(metadata) > MAX_METADATA_KEYS:
            message = f"With those of the batch, there are more than {MAX_METADATA_KEYS} keys."
            raise InvalidParameters("This row is wrong.", FieldError("/metadata", message))
        checked = check_parameters(self.model, self.parameters, params)
        return CheckedItem(user_id=user_id, params=checked.model_dump(mode="json"), metadata=metadata)

    def _user(self, rows: _Rows, named: str | int | None) -> str:
        if named not in rows.users:
            try:
                rows.users[named] = self.user_of(self.request.user_id if named is None else named)
            except NotAllowed as refused:
                raise InvalidParameters("Whose is it?", FieldError("/user_id", str(refused))) from refused
        return rows.users[named]


def _time_problems(request: BatchRequest) -> Iterator[FieldError]:
    at, until = request.start_at, request.expires_at
    if at is not None and at < now() - CLOCK_TOLERANCE:
        yield FieldError("/start_at", "This time has passed.")
    if until is not None and until <= max(now(), at or now()):
        yield FieldError("/expires_at", "Must be after the start, and not be past.")


def _media_types(session: Session, codes: set[str]) -> dict[str, tuple[str, str]]:
    """The user and the media type of each upload."""
    found: dict[str, tuple[str, str]] = {}
    for some in chunked(sorted(codes)):
        query = select(FileRow.code, FileRow.user_id, FileRow.media_type).where(
            col(FileRow.code).in_(some), col(FileRow.deleted).is_(False)
        )
        found |= {code: (user_id, media_type) for code, user_id, media_type in session.exec(query)}
    return found


def _file_problem(known: tuple[str, str] | None, user_id: str, mark: FileInput) -> str | None:
    if known is None or known[0] != user_id:
        return "There is no such file of this user."
    return None if mark.takes(known[1]) else f"This must be a file of the kind {mark.media}."
