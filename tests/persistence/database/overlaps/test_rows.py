"""However two overlap who change the same row, or would add the same one, both count, or one of them is told."""

import itertools
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

import pytest
from sqlmodel import Session, col, select, update

from aijobs.domain.documents.templates import TemplateDefinition
from aijobs.domain.errors import InvalidParameters, NotAuthenticated, TooManyEndpoints
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.webhooks import FINAL_TYPES, DeliveryState, WebhookReply
from aijobs.persistence.access.keys import (
    KeyKind,
    adopt_key,
    create_key,
    key_id_in,
    list_keys,
    new_key_text,
    revoke_key,
)
from aijobs.persistence.access.sessions import TOUCH_EVERY, add_session, end_session, live_sessions, use_session
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.documents.client_task_ids import bind_task_id
from aijobs.persistence.documents.templates import save_template
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.tables import BrowserSessionRow, TemplateVersionRow, WebhookDeliveryRow, WebhookSecretRow
from aijobs.persistence.webhooks.deliveries import DatabaseDeliveries, claim
from aijobs.persistence.webhooks.endpoints import MAX_ENDPOINTS, create_endpoint, rotate_user_secret
from aijobs.persistence.webhooks.inbound import take_receipt
from aijobs.persistence.webhooks.log import delivery_of, locked_delivery
from aijobs.persistence.webhooks.replays import replay
from tests.persistence.conftest import AcceptJob
from tests.persistence.database.overlaps.stepping import Overlaps, Transaction

SECRET: Final = b"a secret only for these tests"
LIFETIME: Final = timedelta(hours=1)
BROKEN: Final = JobError(code="provider_failed", message="no faces found", stage=Stage.PROCESSING)
TEMPLATE: Final = {"name": "Invoices", "prompt": "Read it.", "columns": [{"name": "number", "type": "string"}]}


async def test_a_session_that_is_ended_while_it_is_used_is_over(database: Database, overlapping: Overlaps) -> None:
    text = ""

    async def make() -> tuple[Transaction, Transaction]:
        nonlocal text
        text, _ = await add_session(database, SECRET, key_id="k", user_id=None, lifetime=LIFETIME, idle=LIFETIME)
        await database.write(_unused_for_a_while)
        return (
            partial(use_session, database, SECRET, text, idle=LIFETIME),
            partial(end_session, database, SECRET, text),
        )

    async for used, ended in overlapping(make):
        assert isinstance(used, NotAuthenticated) or used.key_id == "k"
        assert ended is None
        assert (
            await live_sessions(database, [] if isinstance(used, Exception) else [used.sha256], idle=LIFETIME) == set()
        )


def _unused_for_a_while(session: Session) -> None:
    session.exec(update(BrowserSessionRow).values(used_at=now() - 2 * TOUCH_EVERY))


async def test_one_key_is_adopted(database: Database, overlapping: Overlaps) -> None:
    text = ""

    async def make() -> tuple[Transaction, Transaction]:
        nonlocal text
        text = new_key_text(KeyKind.SERVICE)
        adopt = partial(adopt_key, database, SECRET, text, name="first key", user_id="local")
        return adopt, adopt

    async for results in overlapping(make):
        assert tuple(results) == (None, None)
        assert sum(key.key_id == key_id_in(text) for key in await list_keys(database)) == 1


async def test_a_key_is_revoked_once(database: Database, overlapping: Overlaps) -> None:
    """The time of the first revocation stays."""
    key_id = ""

    async def make() -> tuple[Transaction, Transaction]:
        nonlocal key_id
        key_id = key_id_in(await create_key(database, SECRET, kind=KeyKind.SERVICE, name="test")) or ""

        async def revoke() -> Any:
            await revoke_key(database, key_id)
            return (await _key(database, key_id)).revoked_at

        return revoke, revoke

    async for first, other in overlapping(make):
        assert first == other == (await _key(database, key_id)).revoked_at


async def _key(database: Database, key_id: str) -> Any:
    return next(key for key in await list_keys(database) if key.key_id == key_id)


async def test_each_rotation_of_a_secret_counts(database: Database, overlapping: Overlaps) -> None:
    users = map("user-{}".format, itertools.count())
    user = ""

    async def make() -> tuple[Transaction, Transaction]:
        nonlocal user
        user = next(users)
        rotate = partial(database.write, rotate_user_secret, user)
        return rotate, rotate

    def version(session: Session) -> int:
        return session.get_one(WebhookSecretRow, user).version

    async for _ in overlapping(make):
        assert await database.read(version) == 3


async def test_nobody_gets_more_endpoints_than_allowed(database: Database, overlapping: Overlaps) -> None:
    users = map("user-{}".format, itertools.count())

    async def make() -> tuple[Transaction, Transaction]:
        user = next(users)
        create = partial(database.write, _endpoint, user)
        for _ in range(MAX_ENDPOINTS - 1):
            await database.write(_endpoint, user)
        return create, create

    async for results in overlapping(make):
        assert sum(isinstance(result, TooManyEndpoints) for result in results) == 1


def _endpoint(session: Session, user_id: str) -> None:
    create_endpoint(session, user_id=user_id, url="https://example.com", events=FINAL_TYPES, created_by="test")


async def test_each_save_of_a_template_is_a_version(database: Database, overlapping: Overlaps) -> None:
    names = map("template-{}".format, itertools.count())
    name = ""

    def saved(prompt: str) -> Transaction:
        definition = TemplateDefinition.model_validate(TEMPLATE | {"prompt": prompt})
        return partial(database.write, save_template, name, definition, saved_by="test")

    async def make() -> tuple[Transaction, Transaction]:
        nonlocal name
        name = next(names)
        return saved("Read it once."), saved("Read it twice.")

    def versions(session: Session) -> Sequence[int]:
        of_template = col(TemplateVersionRow.template_id) == name
        return sorted(session.exec(select(TemplateVersionRow.version).where(of_template)))

    async for _ in overlapping(make):
        assert await database.read(versions) == [1, 2]


async def test_a_task_id_names_one_job(database: Database, accept_job: AcceptJob, overlapping: Overlaps) -> None:
    tasks = map("task-{}".format, itertools.count())
    one, other = await accept_job(), await accept_job()

    async def make() -> tuple[Transaction, Transaction]:
        task = next(tasks)
        return (
            partial(database.write, bind_task_id, task, one, "ada"),
            partial(database.write, bind_task_id, task, other, "ada"),
        )

    async for results in overlapping(make):
        assert sum(isinstance(result, InvalidParameters) for result in results) == 1
        assert sum(result is None for result in results) == 1


async def test_a_providers_webhook_is_taken_once(database: Database, overlapping: Overlaps) -> None:
    ids = map("delivery-{}".format, itertools.count())

    async def make() -> tuple[Transaction, Transaction]:
        take = partial(database.write, take_receipt, provider="p", delivery_id=next(ids))
        return take, take

    async for taken in overlapping(make):
        assert sorted(taken) == [False, True]


class WebhooksToAda:
    """One webhook after the other that is to be sent to ada."""

    def __init__(self, database: Database, records: DatabaseRecords, accept_job: AcceptJob) -> None:
        self.database, self.records, self.accept_job = database, records, accept_job
        self.log = DatabaseDeliveries(database, disable_after=timedelta(days=5))

    async def new(self) -> str:
        job = await self.accept_job(daily_limit=10**6)
        await self.records.gate.advance(job, JobStatus.FAILED, error=BROKEN)
        (row,) = await self.of_job(job)
        return row.code

    async def of_job(self, job: str) -> list[WebhookDeliveryRow]:
        def work(session: Session) -> list[WebhookDeliveryRow]:
            of_job = col(WebhookDeliveryRow.job_code) == job
            return list(session.exec(select(WebhookDeliveryRow).where(of_job).order_by(col(WebhookDeliveryRow.id))))

        return await self.database.read(work)

    async def with_replays(self, code: str) -> list[WebhookDeliveryRow]:
        def job_of(session: Session) -> str:
            return delivery_of(session, code, user_id="ada").job_code or ""

        return await self.of_job(await self.database.read(job_of))

    def replayed(self, code: str) -> Transaction:
        def work(session: Session) -> str:
            return replay(session, locked_delivery(session, code, user_id="ada")).code

        return partial(self.database.write, work)


@pytest.fixture
async def deliveries(database: Database, records: DatabaseRecords, accept_job: AcceptJob) -> WebhooksToAda:
    await database.write(_endpoint, "ada")
    return WebhooksToAda(database, records, accept_job)


async def test_each_replay_is_a_delivery_of_its_own(deliveries: WebhooksToAda, overlapping: Overlaps) -> None:
    code = ""

    async def make() -> tuple[Transaction, Transaction]:
        nonlocal code
        code = await deliveries.new()
        return deliveries.replayed(code), deliveries.replayed(code)

    async for one, other in overlapping(make):
        rows = {row.code: row.state for row in await deliveries.with_replays(code)}
        assert rows == {code: DeliveryState.REPLACED, one: DeliveryState.PENDING, other: DeliveryState.PENDING}


async def test_an_attempt_and_a_replay_at_once_are_both_noted(deliveries: WebhooksToAda, overlapping: Overlaps) -> None:
    code = ""

    async def make() -> tuple[Transaction, Transaction]:
        nonlocal code
        code = await deliveries.new()
        attempt = partial(deliveries.log.note_try, code, WebhookReply(status=200), next_try_at=None)
        return attempt, deliveries.replayed(code)

    async for noted, new in overlapping(make):
        assert noted is None
        rows = {row.code: row for row in await deliveries.with_replays(code)}
        assert rows[new].state == DeliveryState.PENDING
        assert (rows[code].state, len(rows[code].tries)) in {(DeliveryState.DELIVERED, 1), (DeliveryState.REPLACED, 0)}


async def test_what_is_due_is_claimed_by_one(deliveries: WebhooksToAda, overlapping: Overlaps) -> None:
    async def make() -> tuple[Transaction, Transaction]:
        await deliveries.new()
        await deliveries.new()
        return partial(deliveries.database.write, claim), partial(deliveries.database.write, claim)

    async for one, other in overlapping(make):
        assert len(one) + len(other) == 2
        assert not {*one} & {*other}
