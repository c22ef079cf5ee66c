"""How a database thread runs calls: one by one, or as a group that is committed together."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from aijobs.persistence.database.calls import Call, session_on
from aijobs.persistence.database.errors import translated
from aijobs.persistence.database.recovery import committed, end_transaction, read

Run = Callable[[Connection, Sequence[Call[Any]]], None]
"""Runs calls, each of which has then succeeded or failed. The connection is in no transaction before and after."""


SAVEPOINT: Final = "SAVEPOINT one_of_a_group"
RELEASE: Final = "RELEASE one_of_a_group"
ROLL_BACK: Final = "ROLLBACK TO one_of_a_group"


class _GroupLostError(Exception):
    """The database has rolled the whole group back by itself, as SQLite does when the disk is full."""


def run_reads(connection: Connection, calls: Sequence[Call[Any]]) -> None:
    """Each statement sees what is committed when it begins."""
    for call in calls:
        try:
            call.succeed(read(connection, call))
        except BaseException as error:  # noqa: BLE001 (it is the caller's)
            call.fail(translated(error))


def run_writes(connection: Connection, calls: Sequence[Call[Any]]) -> None:
    """Each call is a transaction."""
    for call in calls:
        try:
            call.succeed(committed(connection, call))
        except BaseException as error:  # noqa: BLE001 (it is the caller's)
            call.fail(translated(error))
            end_transaction(connection)


def run_grouped(connection: Connection, calls: Sequence[Call[Any]]) -> None:
    """Commit all calls together. What one of them raises undoes that one alone.

    If the group cannot be committed nothing of it was done, and each call is run once more by itself.
    """
    if len(calls) == 1:
        run_writes(connection, calls)
        return
    try:
        transaction = connection.begin()
    except DBAPIError as error:
        for call in calls:
            call.fail(translated(error))
        return
    try:
        with transaction:
            for call in calls:
                _run_in_group(connection, call)
    except (DBAPIError, _GroupLostError):
        end_transaction(connection)
        run_writes(connection, calls)


def _run_in_group(connection: Connection, call: Call[Any]) -> None:
    """Within a savepoint, set on the driver itself: SQLAlchemy's own takes as long as a small call does."""
    driver = connection.connection
    try:
        driver.execute(SAVEPOINT)
        with session_on(connection, "create_savepoint") as session:
            result = call.run(session)
            if session.in_transaction():
                session.commit()
        driver.execute(RELEASE)
        call.succeed(result)
    except BaseException as error:
        if not driver.in_transaction:
            raise _GroupLostError from error
        driver.execute(ROLL_BACK)
        driver.execute(RELEASE)
        call.fail(translated(error))
