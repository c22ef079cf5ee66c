"""Users as operators see them, from whatever names them."""

from datetime import timedelta

from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.access.keys import KeyKind, create_key
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.points.ledger import set_limit
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.slots.outlook import set_share
from aijobs.persistence.users import known_users, user_overviews
from tests.persistence.conftest import AcceptJob

SECRET = b"a secret of at least 16 bytes"
LIMIT = 100
PRICE = 2


async def test_a_user_is_known_by_a_job_a_limit_a_share_or_a_key(database: Database, accept_job: AcceptJob) -> None:
    await accept_job(user_id="ada")
    await accept_job(user_id="ada")
    await database.write(set_limit, "bo", 7)
    await database.write(set_share, "cyd", weight=2.0, in_flight=None)
    await create_key(database, SECRET, kind=KeyKind.USER, name="test", user_id="di", scopes=frozenset())

    users = await database.snapshot(known_users, beginning="", after="", limit=10)

    assert users == (["ada", "bo", "cyd", "di"], False)


async def test_users_are_found_by_the_beginning_of_their_name_and_page_by_page(database: Database) -> None:
    for user in ("a%", "ab", "ac", "b", "金"):
        await database.write(set_limit, user, 1)

    first, has_more = await database.snapshot(known_users, beginning="a", after="", limit=2)
    rest, has_rest = await database.snapshot(known_users, beginning="a", after=first[-1], limit=2)

    assert (sorted(first + rest), has_more, has_rest) == (["a%", "ab", "ac"], True, False)
    assert await database.snapshot(known_users, beginning="a%", after="", limit=9) == (["a%"], False)
    assert await database.snapshot(known_users, beginning="金", after="", limit=9) == (["金"], False)


async def test_a_users_points_jobs_and_keys_are_counted(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    await accept_job(user_id="ada")
    failed, doubtful, canceled = [await accept_job(user_id="ada") for _ in range(3)]
    error = JobError(code="deadline_passed", message="", stage=Stage.QUEUE)
    await records.gate.advance(failed, JobStatus.FAILED, error=error)
    await records.gate.advance(doubtful, JobStatus.TIMEOUT, error=error, provider_may_charge=True)
    await records.gate.advance(canceled, JobStatus.CANCELED)
    await accept_job(user_id="bo")
    await database.write(set_limit, "ada", 50)
    for days in (1, -1):
        await create_key(
            database,
            SECRET,
            kind=KeyKind.USER,
            name="test",
            user_id="ada",
            scopes=frozenset(),
            expires_at=now() + timedelta(days=days),
        )

    ada, bo, cyd = await database.snapshot(user_overviews, ["ada", "bo", "cyd"], now().date(), daily_limit=LIMIT)

    assert (ada.used, ada.held, ada.limit, ada.has_own_limit, ada.remaining) == (2 * PRICE, PRICE, 50, True, 46)
    assert (ada.in_progress, ada.failed, ada.keys) == (1, 2, 1)
    assert (bo.used, bo.held, bo.limit, bo.has_own_limit, bo.in_progress, bo.failed) == (PRICE, 0, LIMIT, False, 1, 0)
    assert (cyd.used, cyd.in_progress, cyd.failed, cyd.keys) == (0, 0, 0, 0)
