"""How a database thread runs calls: one by one, or as a group that is committed together."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from aijobs.persistence.database.calls import Call
from aijobs.persistence.database.errors import translated
from aijobs.persistence.database.recovery import end_transaction

Run = Callable[[Connection, Sequence[Call[Any]]], None]
"""Runs calls, each of which has then succeeded or failed. The connection is in no transaction before and after."""


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
