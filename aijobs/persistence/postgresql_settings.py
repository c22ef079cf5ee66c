"""The settings of a PostgreSQL database: how many connections a process takes, and how long it waits."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from aijobs.domain.values.durations import Duration


class PostgresqlSettings(BaseModel):
    """A process opens `writers + readers` connections, two for long reads, and in an API two for live events.

    `writers` are transactions at once; others wait in the process instead of for locks in the server. Six keep a disk
    busy whose fsync takes milliseconds. `transaction_pooler` says that a pooler such as PgBouncer in transaction mode
    is in between: nothing is then expected to last longer than a transaction. `prepared_statements` are used by default
    unless there is one; PgBouncer can keep them since 1.21, with `max_prepared_statements`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    writers: int = Field(default=6, ge=1, le=100)
    readers: int = Field(default=3, ge=1, le=100)
    transaction_pooler: bool = False
    prepared_statements: bool | None = None
    statement_timeout: Duration = timedelta(seconds=60)  #: a statement that takes longer is stopped by the server
    lock_timeout: Duration = timedelta(seconds=30)  #: one that waits longer for a lock
    idle_timeout: Duration = timedelta(seconds=60)  #: a transaction in which nothing happens for longer is ended
    connect_timeout: Duration = timedelta(seconds=5)
    reconnect_for: Duration = timedelta(seconds=3)  #: how long a call waits for a server that is away

    @property
    def prepares(self) -> bool:
        """Whether statements are prepared on the server."""
        return not self.transaction_pooler if self.prepared_statements is None else self.prepared_statements

    @property
    def limits(self) -> dict[str, timedelta]:
        """The server's own limits, which end what our code would wait for in vain."""
        return {
            "statement_timeout": self.statement_timeout,
            "lock_timeout": self.lock_timeout,
            "idle_in_transaction_session_timeout": self.idle_timeout,
        }
