"""The writes of a happy job in plain SQL on a bare driver: what no layer above the driver can undercut."""

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final, Protocol


class BareConnection(Protocol):
    """What both drivers' connections have, in autocommit."""

    def execute(self, statement: str, parameters: Any = ...) -> Any: ...


_numbers = count(1)

INSERT_JOB: Final = (
    "INSERT INTO job (code, user_id, job_status, overall_progress, event_seq, points, status, del, sort, create_time, "
    "update_time, version, channel, platform, model, model_id, model_name, model_version, asyn, output_count, "
    "create_date, metadata, params) VALUES (:code, :user, 0, 0, 1, 1, 1, :no, 0, :now, :now, 1, 'c', 'p', 'm', 'm', "
    "'m', '1', :yes, 1, :day, '{}', :params)"
)
INSERT_EVENT: Final = (
    "INSERT INTO job_event (job_code, user_id, seq, at, kind, job_status, overall_progress, detail) "
    "VALUES (:code, :user, :seq, :now, 'status', :status, 0, '{}')"
)
MOVE: Final = (
    "UPDATE job SET job_status = :status, event_seq = :seq, version = version + 1, update_time = :now "
    "WHERE code = :code"
)
LOOK: Final = "SELECT id, user_id, job_status, event_seq, points, create_date FROM job WHERE code = :code"
LISTENING: Final = "SELECT code, url, events FROM webhook_endpoint WHERE user_id = :user OR user_id IS NULL"
ENTRY: Final = (
    "INSERT INTO points_entry (job_code, user_id, day, kind, points, create_time) "
    "VALUES (:code, :user, :day, :kind, 1, :now)"
)
NEW_DAY: Final = "INSERT INTO points_day (user_id, day, used, held) VALUES (:user, :day, 0, 0) ON CONFLICT DO NOTHING"
TAKE: Final = "UPDATE points_day SET used = used + 1 WHERE user_id = :user AND day = :day AND used + 1 <= 1000000"
LAST: Final = "SELECT id, number, outcome, ref FROM submission WHERE job_code = :code ORDER BY number DESC LIMIT 1"
INTEND: Final = (
    "INSERT INTO submission (job_code, number, provider, token, request, request_sha256, intent_at) "
    "VALUES (:code, 1, 'p', :code, :params, '0', :now)"
)
CONCLUDE: Final = "UPDATE submission SET outcome = 'accepted', outcome_at = :now, ref = :params WHERE job_code = :code"
WRITE: Final = "INSERT INTO write_intent (key, job_code, create_time) VALUES (:code, :code, :now)"
WRITTEN: Final = "DELETE FROM write_intent WHERE key = :code"
KEPT: Final = 'SELECT "index" FROM output WHERE job_code = :code'
KEEP: Final = (
    'INSERT INTO output (job_code, "index", kind, media_type, size, sha256, key, status, del, sort, create_time, '
    "update_time, version) VALUES (:code, 0, 'IMAGE', 'image/png', 9, '0', :code, 1, :no, 0, :now, :now, 1)"
)


class BareJobs:
    """Runs jobs one at a time on one connection. `in_transaction` begins and commits."""

    def __init__(
        self, connection: BareConnection, in_transaction: Callable[[], AbstractContextManager[Any]], *, named: bool
    ) -> None:
        self._connection = connection
        self._in_transaction = in_transaction
        self._spelling: Callable[[str], str] = _percent if named else str
        self._spelled: dict[str, str] = {}

    def run(self) -> None:
        """The transactions of a happy job, its acceptance included."""
        code, now = f"job_bare{next(_numbers)}", datetime.now(UTC)
        values = {
            "code": code, "user": f"bare{next(_numbers) % 20}", "now": now.isoformat(sep=" "), "kind": "reserve",
            "day": now.date().isoformat(), "yes": True, "no": False, "params": json.dumps({"prompt": "a lighthouse"}),
        }  # fmt: skip
        self._transact(values, INSERT_JOB, INSERT_EVENT, NEW_DAY, TAKE, ENTRY, status=0, seq=1)
        self._read(values, LOOK, LAST)
        self._transact(values, LOOK, LAST, INTEND)
        self._transact(values, LOOK, CONCLUDE, *_moved(), status=1, seq=2)
        for seq, status in ((3, 2), (4, 3), (5, 4)):
            self._transact(values, LOOK, *_moved(), status=status, seq=seq)
        self._transact(values, LOOK, KEPT, WRITE, *_moved(), status=5, seq=6)
        self._transact(values | {"kind": "settle"}, LOOK, KEPT, KEEP, WRITTEN, *_moved(), ENTRY, status=10, seq=7)

    def _transact(self, values: dict[str, Any], *statements: str, **more: Any) -> None:
        with self._in_transaction():
            self._read(values | more, *statements)

    def _read(self, values: dict[str, Any], *statements: str) -> None:
        for statement in statements:
            if statement not in self._spelled:
                self._spelled[statement] = self._spelling(statement)
            cursor = self._connection.execute(self._spelled[statement], values)
            if cursor.description:
                cursor.fetchall()


def _moved() -> tuple[str, ...]:
    return MOVE, INSERT_EVENT, LISTENING


def _percent(statement: str) -> str:
    """A statement with psycopg's parameters."""
    return re.sub(r":(\w+)", r"%(\1)s", statement)
