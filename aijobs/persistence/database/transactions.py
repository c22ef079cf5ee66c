"""How a database thread runs calls: one by one, or as a group that is committed together."""

import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from aijobs.persistence.database.calls import Call
from aijobs.persistence.database.errors import translated

Run = Callable[[Connection, Sequence[Call[Any]]], None]
"""Runs calls, each of which has then succeeded or failed. The connection is in no transaction before and after."""

TRIES: Final = 4  #: of a transaction that the database gives up for the sake of others
LONGEST_PAUSE_SECONDS: Final = 0.05


class _GroupLostError(Exception):
    """The database has rolled the whole group back by itself, as SQLite does when the disk is full."""


def run_reads(connection: Connection, calls: Sequence[Call[Any]]) -> None:
    """Each statement sees what is committed when it begins."""
    for call in calls:
        try:
            with Session(connection, expire_on_commit=False) as session:
                call.succeed(call.run(session))
        except BaseException as error:  # noqa: BLE001 (it is the caller's)
            call.fail(translated(error))


def run_writes(connection: Connection, calls: Sequence[Call[Any]]) -> None:
    """Each call is a transaction."""
    for call in calls:
        try:
            call.succeed(_committed(connection, call))
        except BaseException as error:  # noqa: BLE001 (it is the caller's)
            call.fail(translated(error))
            _end_transaction(connection)


def retried(gave_up: Callable[[DBAPIError], bool]) -> Run:
    """As `run_writes`; a transaction that the database gave up for the sake of others is run again, `TRIES` in all."""

    def run(connection: Connection, calls: Sequence[Call[Any]]) -> None:
        for call in calls:
            _run_retried(connection, call, gave_up)

    return run


def _run_retried(connection: Connection, call: Call[Any], gave_up: Callable[[DBAPIError], bool]) -> None:
    for attempt in range(1, TRIES + 1):
        try:
            call.succeed(_committed(connection, call))
        except DBAPIError as error:
            call.fail(translated(error))
            _end_transaction(connection)
            if attempt == TRIES or not gave_up(error):
                return
            time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
        except BaseException as error:  # noqa: BLE001 (it is the caller's)
            call.fail(error)
            _end_transaction(connection)
            return
        else:
            return


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
        _end_transaction(connection)
        run_writes(connection, calls)


def _run_in_group(connection: Connection, call: Call[Any]) -> None:
    try:
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session:
            with session.begin():
                result = call.run(session)
            call.succeed(result)
    except BaseException as error:
        if not connection.connection.in_transaction:
            raise _GroupLostError from error
        call.fail(translated(error))


def _committed(connection: Connection, call: Call[Any]) -> Any:
    with Session(connection, expire_on_commit=False) as session, session.begin():
        return call.run(session)


def _end_transaction(connection: Connection) -> None:
    """After a COMMIT that failed, the transaction is over for SQLAlchemy, and may still be open in the database."""
    if connection.invalidated:
        return
    try:
        connection.connection.rollback()
    except connection.dialect.loaded_dbapi.Error as lost:
        connection.invalidate(lost)
