"""The database. A transaction is a plain function, run by a thread that owns its connection, and awaited.

`await database.write(work, …)` calls `work(session, …)` in one transaction, `read` and `snapshot` do so without one
that writes. SQLite and PostgreSQL differ only in `sqlite` and `postgresql`.
"""

from aijobs.persistence.database.calls import connection_of
from aijobs.persistence.database.connection_threads import ConnectionThreads
from aijobs.persistence.database.database import Database, Listener
from aijobs.persistence.database.errors import unavailability
from aijobs.persistence.database.open_database import existing_database, opened_database, prepared_database
from aijobs.persistence.database.postgresql import lock_name
from aijobs.persistence.database.schema import LATEST_REVISION
from aijobs.persistence.database.sqlite import sqlite_is_safe

__all__ = [
    "LATEST_REVISION",
    "ConnectionThreads",
    "Database",
    "Listener",
    "connection_of",
    "existing_database",
    "lock_name",
    "opened_database",
    "prepared_database",
    "sqlite_is_safe",
    "unavailability",
]
