"""Whatever table names a person or a job is known to erasures and exports: a new one fails until it is said how."""

from collections.abc import Mapping, Set
from typing import Final

from sqlalchemy import Table
from sqlmodel import SQLModel

from aijobs.persistence.retention.user_tables import OF_JOBS, OF_USER

TABLES: Final = SQLModel.metadata.tables
KEPT_BARE: Final[Mapping[str, str]] = {
    "job": "a bare row remains, for figures and the ledger",
    "job_event": "the last one remains: positions of the log are never used twice",
    "points_entry": "the ledger refers to it",
    "batch_item": "a bare row remains, for the sums of its batch",
}

#: Tables that name a person, and are not in an export of them.
NOT_EXPORTED: Final[Mapping[str, str]] = {
    "batch_points": "what of a batch's points is reserved now: sums of those that are exported",
    "erasure": "an operator's receipt",
    "idempotency_key": "answers to repetitions, for a day: what they say is the user's jobs",
    "legal_hold": "an operator's reasons, which may be secret",
    "pause": "an operator's reasons",
    "slot": "a place in a vendor's line, while a job waits or runs",
    "user_turn": "whose turn it is in a vendor's line",
    "webhook_secret": "the number of a secret",
}

#: Tables that name a job, and are not in an export of its user.
NOT_EXPORTED_OF_JOBS: Final[Mapping[str, str]] = {
    "file_use": "which job needs which upload: the job's parameters say so",
    "held_job": "that a pause keeps it from starting",
    "job_start": "that its workflow is to be started",
    "slot": "a place in a vendor's line, while it waits or runs",
    "write_intent": "that a write into the store is under way: repair clears it away",
}


def names_a_person(table: Table) -> bool:
    columns = set(table.columns.keys())
    return any("user" in name or name == "owner" for name in columns) or {"kind", "name"} <= columns


def names_a_job(table: Table) -> bool:
    refers = any(key.target_fullname == "job.code" for key in table.foreign_keys)
    return refers or any(column.name.endswith("job_code") for column in table.columns)


def tables_of_people() -> set[str]:
    return {name for name, table in TABLES.items() if names_a_person(table)}


def tables_of_jobs() -> set[str]:
    return {name for name, table in TABLES.items() if names_a_job(table)}


def declared_once(found: Set[str], exported: Set[str], left_out: Set[str]) -> None:
    assert found - exported - left_out == set(), "export and erase them, or say why not"
    assert left_out - found == set(), "they are not there any more"
    assert left_out & exported == set()


def test_whatever_names_a_person_is_exported_or_said_why_not() -> None:
    declared_once(tables_of_people(), {*OF_USER.values(), *OF_JOBS.values()}, NOT_EXPORTED.keys())


def test_whatever_names_a_job_is_exported_or_said_why_not() -> None:
    exported = {*OF_USER.values(), *OF_JOBS.values()}
    declared_once(tables_of_jobs(), exported, NOT_EXPORTED_OF_JOBS.keys())
