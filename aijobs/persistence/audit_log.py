"""The audit log: each act is written in the transaction that does it, and never changed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete as delete_rows
from sqlalchemy import insert
from sqlmodel import Session, SQLModel, col, select

from aijobs.domain.errors import BadInput
from aijobs.domain.values.audit import Act, ActKind, current_origin
from aijobs.domain.values.clean_text import clean
from aijobs.domain.values.ids import new_id
from aijobs.domain.values.redaction import without_secrets
from aijobs.persistence.column_types import now
from aijobs.persistence.database import connection_of
from aijobs.persistence.paging import page_of
from aijobs.persistence.tables import AuditHorizonRow, AuditRow

MAX_TARGET: Final = 300
MAX_NAME: Final = 200

_ROWS: Final = SQLModel.metadata.tables["audit_log"]
_ENTER: Final = insert(_ROWS).inline()


def record(session: Session, act: Act) -> None:
    """Write the act, with who does it and from where: see `acts_from`. One statement.

    To be called in the transaction that does it, so that both are kept or neither.
    """
    origin = current_origin()
    row = {
        "code": new_id("audit"),
        "at": now(),
        "act": act.kind,
        "target": _text(act.target)[:MAX_TARGET],
        "actor_kind": origin.kind,
        "actor": _text(origin.actor)[:MAX_NAME],
        "key_id": origin.key_id,
        "session": origin.session,
        "user_id": act.user_id,
        "address": origin.address,
        "request_id": origin.request_id,
        "before": _storable(act.before),
        "after": _storable(act.after),
    }
    connection_of(session).execute(_ENTER, row)


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Which acts are meant: those that fit all that is given. `kind` may be what one has before its dot, as `key`.

    `actor` is a key's id, a person's name or an account; `since` is included, `until` is not.
    """

    actor: str | None = None
    kind: str | None = None
    target: str | None = None
    user_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[Any]:
        """For a WHERE."""
        row = AuditRow
        found: list[Any] = []
        if self.actor is not None:
            found.append((col(row.actor) == self.actor) | (col(row.key_id) == self.actor))
        if self.kind is not None:
            kinds = [kind.value for kind in ActKind if kind == self.kind or kind.startswith(f"{self.kind}.")]
            found.append(col(row.act).in_(kinds))
        if self.target is not None:
            found.append(col(row.target) == self.target)
        if self.user_id is not None:
            found.append(col(row.user_id) == self.user_id)
        if self.since is not None:
            found.append(col(row.at) >= self.since)
        if self.until is not None:
            found.append(col(row.at) < self.until)
        return found


def audit_page(
    session: Session, which: AuditFilter, *, cursor: str | None = None, limit: int
) -> tuple[list[AuditRow], bool]:
    """Up to `limit` acts, newest first, those before the one whose code is `cursor`, and whether there are more.

    Raises BadInput for a cursor that is none.
    """
    query = select(AuditRow).where(*which.conditions()).order_by(col(AuditRow.id).desc())
    if cursor is not None:
        before = session.exec(select(AuditRow.id).where(col(AuditRow.code) == cursor)).one_or_none()
        if before is None:
            raise BadInput("This cursor is none of ours.")
        query = query.where(col(AuditRow.id) < before)
    return page_of(session, query, limit=limit)


def trim(session: Session, *, before: datetime, at_most: int) -> int:
    """Delete the oldest acts, up to `at_most`, that are older than `before`. Returns how many. That is recorded too.

    The only way to delete any: the triggers of the database let go what is behind the horizon, which this moves.
    """
    oldest = select(AuditRow.id).where(col(AuditRow.at) < before).order_by(col(AuditRow.id)).limit(at_most)
    ids = [number for number in session.exec(oldest) if number is not None]
    if not ids:
        return 0
    _move_horizon(session, max(ids) + 1)
    deleted = connection_of(session).execute(delete_rows(_ROWS).where(_ROWS.c.id.in_(ids))).rowcount
    record(session, Act(kind=ActKind.AUDIT_TRIMMED, target="audit_log", after={"acts": deleted, "before": str(before)}))
    return int(deleted)


def _move_horizon(session: Session, kept_from: int) -> None:
    row = session.get(AuditHorizonRow, 1, with_for_update=True) or AuditHorizonRow(kept_from=0)
    row.kept_from = max(row.kept_from, kept_from)
    session.add(row)
    session.flush()


def _storable(changed: Any) -> Any:
    return None if changed is None else clean(without_secrets(dict(changed)))


def _text(written: str) -> str:
    return str(clean(written))
