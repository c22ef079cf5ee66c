"""What is found of an installation's health, on both databases."""

from datetime import timedelta

from sqlmodel import Session, update

from aijobs.domain.jobs.circuits import CircuitState
from aijobs.domain.values.health_findings import REPAIR_LATE, SOON, HealthFinding, HealthKind
from aijobs.domain.values.host_facts import GIB, Expiry, HostFacts, Room
from aijobs.persistence.access.installation import installation_id, note_repaired, repaired_at
from aijobs.persistence.access.keys import KeyKind, create_key, revoke_key
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.health import health_findings
from aijobs.persistence.processes import ProcessRole, known_processes, mark_stopped, see
from aijobs.persistence.tables import InstallationRow, ProcessRow, VendorCredentialRow
from tests.persistence.test_processes import grow_old, process_row


async def kinds(database: Database) -> list[tuple[HealthKind, str]]:
    return [(one.kind, one.subject) for one in await database.read(health_findings)]


def facts(*, free: int = 100 * GIB, expiries: tuple[Expiry, ...] = ()) -> dict[str, object]:
    room = Room(what="data", path="/data", free=free, total=200 * GIB)
    return {"facts": HostFacts(rooms=(room,), expiries=expiries).model_dump(mode="json")}


async def test_an_installation_that_is_well_has_no_findings(database: Database) -> None:
    await database.write(see, process_row("a") | facts())

    assert await kinds(database) == []


async def test_what_a_process_sees_of_its_host_is_known_until_it_ends(database: Database) -> None:
    await database.write(see, process_row("a") | facts(free=3 * GIB))
    assert await kinds(database) == [(HealthKind.DISK_LOW, "/data")]

    await database.write(see, process_row("a") | facts(free=GIB // 2))
    await database.write(see, process_row("a"))  # a beat of an older version, which tells nothing
    [found] = await database.read(health_findings)
    assert (found.kind, found.values["host"], found.values["free"]) == (HealthKind.DISK_FULL, "host-of-a", GIB // 2)
    assert found.is_broken
    [process] = await database.read(known_processes)
    assert process.facts.rooms[0].path == "/data"

    await database.write(grow_old, "a", 60)
    assert await kinds(database) == [(HealthKind.DISK_FULL, "/data")], "perhaps it is lost for that"
    await database.write(see, process_row("b") | facts() | {"host": "host-of-a"})
    assert await kinds(database) == [], "its successor sees room again"
    await database.write(mark_stopped, "a")
    await database.write(mark_stopped, "b")
    assert await kinds(database) == []


async def test_certificates_and_tokens_are_named_before_and_after_their_end(database: Database) -> None:
    ends = {"long": SOON + timedelta(days=1), "soon": SOON - timedelta(days=1), "over": -timedelta(days=400)}
    seen = tuple(
        Expiry(what=what, name=f"{what} {name}", at=now() + left)
        for what in ("certificate", "token")
        for name, left in ends.items()
    )
    await database.write(see, process_row("a") | facts(expiries=seen))
    await database.write(see, process_row("b") | facts(expiries=seen))

    assert await kinds(database) == [
        (HealthKind.CERTIFICATE_EXPIRED, "certificate over"),
        (HealthKind.TOKEN_EXPIRED, "token over"),
        (HealthKind.CERTIFICATE_EXPIRES, "certificate soon"),
        (HealthKind.TOKEN_EXPIRES, "token soon"),
    ]


async def test_keys_are_named_before_their_end_and_a_week_after_it(database: Database) -> None:
    ends = {
        "long": timedelta(days=90),
        "soon": timedelta(days=3),
        "late": -timedelta(days=3),
        "old": -timedelta(days=9),
    }
    for name, left in ends.items():
        await create_key(database, b"secret" * 6, kind=KeyKind.SERVICE, name=name, expires_at=now() + left)
    gone = await create_key(database, b"secret" * 6, kind=KeyKind.SERVICE, name="gone", expires_at=now())
    await revoke_key(database, gone.split("_")[2])

    found = {kind: subject.partition(" ")[0] for kind, subject in await kinds(database)}

    assert found == {HealthKind.KEY_EXPIRED: "late", HealthKind.KEY_EXPIRES: "soon"}


async def test_repair_is_late_only_while_a_worker_could_do_it(database: Database) -> None:
    def repaired_long_ago(session: Session) -> None:
        session.execute(update(InstallationRow).values(repaired_at=now() - 2 * REPAIR_LATE))

    def started_long_ago(session: Session) -> None:
        session.execute(update(ProcessRow).values(started_at=now() - 3 * REPAIR_LATE))

    await database.write(installation_id)
    assert await database.read(repaired_at) is None
    await database.write(repaired_long_ago)
    assert await kinds(database) == []

    await database.write(see, process_row("a"))
    assert await kinds(database) == [], "it has only just started"
    await database.write(started_long_ago)
    assert await kinds(database) == [(HealthKind.REPAIR_LATE, "aijobs-repair")]
    await database.write(note_repaired)
    assert await kinds(database) == []


async def test_vendors_that_are_left_alone_say_why(database: Database) -> None:
    def fail(session: Session) -> None:
        for name, is_blocked in (("replicate", True), ("ttapi", False)):
            session.add(
                VendorCredentialRow(
                    credential=name,
                    state=CircuitState.OPEN,
                    failures=5,
                    is_blocked=is_blocked,
                    reason="It answered 402.",
                    since=now(),
                    pause=5.0,
                )
            )

    await database.write(fail)

    blocked, left_alone = await database.read(health_findings)
    assert (blocked.kind, blocked.subject, blocked.detail) == (
        HealthKind.VENDOR_BLOCKED,
        "replicate",
        "It answered 402.",
    )
    assert isinstance(left_alone, HealthFinding)
    assert (left_alone.kind, left_alone.is_broken) == (HealthKind.VENDOR_LEFT_ALONE, False)


async def test_versions_are_compared_within_a_role_and_among_the_living(database: Database) -> None:
    await database.write(see, process_row("api", role=ProcessRole.API) | {"version": "2"})
    await database.write(see, process_row("lost") | {"version": "0"})
    await database.write(grow_old, "lost", 60)
    await database.write(see, process_row("worker"))
    assert await kinds(database) == []

    await database.write(see, process_row("newer") | {"version": "3"})
    assert await kinds(database) == [(HealthKind.VERSIONS_DIFFER, "worker: 1.2, 3")]
