"""The audit log: written with the act or not at all, without secrets, and never changed afterwards."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from aijobs.domain.errors import BadInput
from aijobs.domain.values.audit import Act, ActKind, ActorKind, Origin, acting_from
from aijobs.domain.values.ids import new_id
from aijobs.persistence.audit_log import AuditFilter, audit_page, record, trim
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.tables import AuditRow

ADA = Origin(kind=ActorKind.KEY, actor="4218", key_id="4218", address="192.0.2.7", request_id="req_1")
REFUSED = "only added to"


async def recorded(database: Database, *acts: Act, origin: Origin = ADA) -> None:
    with acting_from(origin):
        for act in acts:
            await database.write(record, act)


async def found(database: Database, **conditions: object) -> list[AuditRow]:
    rows, _ = await database.read(audit_page, AuditFilter(**conditions), limit=100)  # type: ignore[arg-type]
    return rows


async def test_an_act_says_who_did_what_from_where_and_what_it_changed(database: Database) -> None:
    began = now()
    revoked = Act(
        kind=ActKind.KEY_REVOKED, target="77aa", user_id="bob", before={"revoked": False}, after={"revoked": True}
    )
    await recorded(database, revoked)

    (row,) = await found(database)
    assert (row.act, row.target, row.user_id) == ("key.revoked", "77aa", "bob")
    assert (row.actor_kind, row.actor, row.address, row.request_id) == ("key", "4218", "192.0.2.7", "req_1")
    assert (row.before, row.after) == ({"revoked": False}, {"revoked": True})
    assert began <= row.at <= now()


async def test_an_act_that_is_taken_back_leaves_no_record(database: Database) -> None:
    def undone(session: Session) -> None:
        record(session, Act(kind=ActKind.KEY_MADE, target="1"))
        raise BadInput("Not this one.")

    with pytest.raises(BadInput):
        await database.write(undone)

    assert await found(database) == []


async def test_no_secret_is_recorded(database: Database) -> None:
    changed = {
        "url": "https://ada:pass1@example.com/hook?token=pass2",
        "secret": "pass3",
        "inner": {"api_key": "pass4"},
    }
    await recorded(database, Act(kind=ActKind.ENDPOINT_CHANGED, target="endpoint_1", before=changed, after=changed))

    (row,) = await found(database)
    assert "pass" not in f"{row.before} {row.after}"
    assert str(row.after).count("example.com/hook") == 1


async def test_acts_are_found_by_actor_act_target_user_and_time(database: Database) -> None:
    by_system = Origin(kind=ActorKind.SYSTEM, actor="aijobs")
    await recorded(database, Act(kind=ActKind.PAUSE_BEGUN, target="pause_1", user_id="bob"))
    middle = now()
    await recorded(database, Act(kind=ActKind.KEY_MADE, target="1"), origin=by_system)
    await recorded(database, Act(kind=ActKind.KEY_REVOKED, target="1"))

    async def targets(**conditions: object) -> list[str]:
        return [f"{row.act} {row.target}" for row in await found(database, **conditions)]

    assert await targets() == ["key.revoked 1", "key.made 1", "pause.begun pause_1"]
    assert await targets(actor="4218") == ["key.revoked 1", "pause.begun pause_1"]
    assert await targets(kind="key") == ["key.revoked 1", "key.made 1"]
    assert await targets(kind="key.made", target="1") == ["key.made 1"]
    assert await targets(kind="keys") == []
    assert await targets(user_id="bob") == await targets(until=middle) == ["pause.begun pause_1"]
    assert await targets(since=middle, actor="aijobs") == ["key.made 1"]


async def test_pages_follow_each_other_while_more_is_recorded(database: Database) -> None:
    await recorded(database, *(Act(kind=ActKind.KEY_MADE, target=str(number)) for number in range(5)))
    first, more = await database.read(audit_page, AuditFilter(), limit=2)
    await recorded(database, Act(kind=ActKind.KEY_MADE, target="later"))
    rest, no_more = await database.read(audit_page, AuditFilter(), cursor=first[-1].code, limit=10)

    assert [row.target for row in [*first, *rest]] == ["4", "3", "2", "1", "0"]
    assert (more, no_more) == (True, False)
    with pytest.raises(BadInput):
        await database.read(audit_page, AuditFilter(), cursor=new_id("audit"), limit=2)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_log SET actor = 'nobody'", "DELETE FROM audit_log", "DELETE FROM audit_log WHERE id > 1"],
)
async def test_the_database_itself_refuses_to_change_or_delete(database: Database, statement: str) -> None:
    await recorded(database, *(Act(kind=ActKind.KEY_MADE, target=str(number)) for number in range(3)))

    with pytest.raises(DBAPIError, match=REFUSED):
        await database.write(lambda session: session.execute(text(statement)) and None)

    assert [row.actor for row in await found(database)] == ["4218"] * 3


async def test_postgresql_does_not_empty_it_either(database: Database, database_kind: str) -> None:
    if database_kind != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    await recorded(database, Act(kind=ActKind.KEY_MADE, target="1"))

    with pytest.raises(DBAPIError, match=REFUSED):
        await database.write(lambda session: session.execute(text("TRUNCATE audit_log")) and None)

    assert len(await found(database)) == 1


async def test_retention_deletes_the_oldest_and_says_so(database: Database) -> None:
    await recorded(database, *(Act(kind=ActKind.KEY_MADE, target=str(number)) for number in range(5)))

    assert await database.write(lambda session: trim(session, before=now() - timedelta(days=1), at_most=10)) == 0
    assert await database.write(lambda session: trim(session, before=now(), at_most=3)) == 3
    assert [row.target for row in await found(database)] == ["audit_log", "4", "3"]
    assert (await found(database, kind="audit.trimmed"))[0].after is not None

    with pytest.raises(DBAPIError, match=REFUSED):
        await database.write(lambda session: session.execute(text("DELETE FROM audit_log WHERE target = '4'")) and None)
