"""However two requests with one Idempotency-Key overlap, a job is made and paid for once, and a file kept once."""

import hashlib
import itertools
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from sqlmodel import Session, col, select
from temporalio.client import Client

from aijobs.domain.errors import IdempotencyInFlight
from aijobs.domain.jobs.job import JobError, JobRequest, RerunFrom, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.actors import Actor, Owner
from aijobs.persistence.access.idempotency import Receipt
from aijobs.persistence.column_types import now
from aijobs.persistence.points.ledger import today
from aijobs.persistence.tables import FileRow, JobRow
from aijobs.usecases.upload_file import Upload
from api.dependencies import ApiDependencies
from tests.api.conftest import NOBODY_THERE, opened_dependencies
from tests.api.installation import PHOTO_URL, UPSCALE
from tests.api.pictures import picture
from tests.persistence.database.overlaps.stepping import Overlaps, Transaction
from workflows.client import TemporalJobEngine

NUMBERS: Final = itertools.count()
A_PHOTO: Final = JobRequest(model_id=UPSCALE, params={"image": PHOTO_URL})
CANCELED: Final = JobError(code="canceled", message="Not needed.", stage=Stage.BUSINESS)
PRICE: Final = 2


@pytest.fixture
async def app(postgresql_url: str, tmp_path: Path) -> AsyncIterator[ApiDependencies]:
    """Without Temporal: what is accepted stays as it is."""
    engine = TemporalJobEngine(lambda: Client.connect(NOBODY_THERE))
    async with opened_dependencies(tmp_path, engine, database_url=postgresql_url) as dependencies:
        yield dependencies
        await dependencies.starter.close()


@pytest.fixture
def upload(tmp_path: Path) -> Upload:
    content = picture()
    (path := tmp_path / "upload").write_bytes(content)
    return Upload(path=path, name="photo.jpg", size=len(content), sha256=hashlib.sha256(content).hexdigest())


def new_owner() -> Owner:
    return Owner(user_id=f"user-{next(NUMBERS)}", key_id="key_of_a_test")


def codes_of(session: Session, table: type[JobRow | FileRow], owner: Owner) -> list[str]:
    return list(session.exec(select(table.code).where(col(table.user_id) == owner.user_id)))


async def points_used(app: ApiDependencies, owner: Owner) -> int:
    return (await app.database.read(today, owner.user_id, now().date())).used


async def test_a_job_is_made_and_paid_for_once(app: ApiDependencies, overlapping: Overlaps) -> None:
    owner = new_owner()

    async def make() -> tuple[Transaction, Transaction]:
        nonlocal owner
        owner = new_owner()
        order = partial(app.accept_job, A_PHOTO, owner, idempotency_key="order")
        return order, order

    async for one, other in overlapping(make):
        assert await app.database.read(codes_of, JobRow, owner) == [one.code]
        assert one == other
        assert await points_used(app, owner) == PRICE


async def test_a_rerun_is_made_and_paid_for_once(app: ApiDependencies, overlapping: Overlaps) -> None:
    owner = new_owner()

    async def make() -> tuple[Transaction, Transaction]:
        nonlocal owner
        owner = new_owner()
        old = (await app.accept_job(A_PHOTO, owner)).code
        await app.records.gate.advance(old, JobStatus.CANCELED, error=CANCELED)
        actor = Actor(key_id=owner.key_id, user_id=owner.user_id)
        rerun = partial(app.rerun_job, old, RerunFrom.START, actor, idempotency_key="again")
        return rerun, rerun

    async for one, other in overlapping(make):
        assert len(await app.database.read(codes_of, JobRow, owner)) == 2
        assert one == other
        assert await points_used(app, owner) == PRICE


async def test_a_file_is_kept_once(app: ApiDependencies, overlapping: Overlaps, upload: Upload) -> None:
    owner = new_owner()

    async def make() -> tuple[Transaction, Transaction]:
        nonlocal owner
        owner = new_owner()
        keep = partial(app.keep_upload, upload, owner, idempotency_key="photo")
        return keep, keep

    async for answers in overlapping(make):
        receipts = [answer for answer in answers if isinstance(answer, Receipt)]
        refusals = [answer for answer in answers if isinstance(answer, IdempotencyInFlight)]
        assert len(receipts) + len(refusals) == 2
        assert {receipt.code for receipt in receipts} == {*await app.database.read(codes_of, FileRow, owner)}
