"""Runs calls on a server that may go away and come back: what is safe to run again is run again, for a while."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence.database.calls import Call, session_on
from aijobs.persistence.database.errors import translated

TRIES: Final = 4  #: of a transaction that the server gives up for the sake of others
LONGEST_PAUSE_SECONDS: Final = 0.05
RECONNECT_PAUSE_SECONDS: Final = 0.1

RETRY_AFTER: Final = timedelta(seconds=5)
"""When callers are told to come again: a server that restarts is back by then, or a standby has taken over."""

Transact = Callable[[Connection, Call[Any]], Any]
"""Runs a call in a transaction of its own."""


class OutcomeUnknownError(Exception):
    """The connection was lost while the server committed: it may have done so, or not."""


@dataclass(frozen=True)
class Recovery:
    """Which errors are worth another try: those for which nothing was written.

    A transaction that `gave_up` says was given up for the sake of others is tried `TRIES` times. One whose connection
    `is_lost` says is of no use, before its commit began, is tried on a new connection until the call is older than
    `patience`. When the connection is lost during the commit, nobody knows: the caller is told so, and every operation
    of ours may be repeated by its caller (idempotency keys, the gate, unique keys).
    """

    gave_up: Callable[[BaseException], bool]
    is_lost: Callable[[BaseException], bool]
    patience: timedelta

    def runs(self, transact: Transact, connection: Connection, calls: Sequence[Call[Any]]) -> None:
        """Run the calls one by one. Bound to its first argument, it is a `Run`."""
        for call in calls:
            self._run(transact, connection, call)

    def is_over(self, call: Call[Any]) -> bool:
        """Whether the call has waited long enough."""
        return call.age >= self.patience.total_seconds()

    def _run(self, transact: Transact, connection: Connection, call: Call[Any]) -> None:
        attempt = 0
        while True:
            attempt += 1
            try:
                call.succeed(transact(connection, call))
            except (DBAPIError, connection.dialect.loaded_dbapi.Error) as error:
                call.fail(unavailable_for_now(error))
                if self.is_lost(error):
                    discard(connection, error)
                    is_over, pause = self.is_over(call), RECONNECT_PAUSE_SECONDS
                else:
                    end_transaction(connection)
                    is_over, pause = not self.gave_up(error) or attempt == TRIES, LONGEST_PAUSE_SECONDS
                if is_over:
                    return
                time.sleep(random.uniform(0, pause))
            except OutcomeUnknownError as unknown:
                call.fail(_unknown(unknown))
                return
            except BaseException as error:  # noqa: BLE001 (it is the caller's)
                call.fail(translated(error))
                end_transaction(connection)
                return
            else:
                return


def read(connection: Connection, call: Call[Any]) -> Any:
    """Statements without a common transaction, or, where the connection says so, a transaction that only reads."""
    with _transaction_ended(connection), session_on(connection) as session:
        return call.run(session)


def committed(connection: Connection, call: Call[Any]) -> Any:
    """A transaction, which begins with its first statement. Raises OutcomeUnknownError when the connection is lost
    during its commit."""
    with _transaction_ended(connection), session_on(connection) as session:
        result = call.run(session)
        if session.in_transaction():
            session.flush()
        try:
            if session.in_transaction():
                session.commit()
            elif connection.in_transaction():
                connection.commit()
        except DBAPIError as error:
            if connection.invalidated:
                raise OutcomeUnknownError from error
            raise
        return result


@contextmanager
def _transaction_ended(connection: Connection) -> Iterator[None]:
    """Rolls back what is not committed when the block ends, whoever has begun it; also after a commit that failed."""
    try:
        yield
    finally:
        if connection.get_transaction() is not None:
            with suppress(DBAPIError):  # a lost connection has rolled it back
                connection.rollback()


def unavailable_for_now(error: BaseException) -> BaseException:
    """The error for the caller; a DatabaseUnavailable says when to come again."""
    told = translated(error)
    if isinstance(told, DatabaseUnavailable):
        told.retry_after = RETRY_AFTER
    return told


def discard(connection: Connection, error: BaseException) -> None:
    """Close the server's side of a connection that is of no use: its next use opens another."""
    end_transaction(connection)
    if not connection.invalidated and not connection.closed:
        connection.invalidate(error)


def end_transaction(connection: Connection) -> None:
    """After a COMMIT that failed, the transaction is over for SQLAlchemy, and may still be open in the database."""
    if connection.invalidated:
        return
    try:
        connection.connection.rollback()
    except connection.dialect.loaded_dbapi.Error as lost:
        connection.invalidate(lost)


def _unknown(error: OutcomeUnknownError) -> DatabaseUnavailable:
    told = DatabaseUnavailable(
        "The connection to the database was lost during a commit: it may have been done, or not.",
        retry_after=RETRY_AFTER,
    )
    told.__cause__ = error
    return told
