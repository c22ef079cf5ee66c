"""a user who is erased has a pseudonym in the audit log"""

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

REFUSAL = "the audit log is only added to"

#: What an erasure may not change, and what must be under way.
SAME = ("id", "code", "at", "act", "actor_kind", "key_id", "session", "request_id")
ERASING = "EXISTS (SELECT 1 FROM erasure WHERE ended_at IS NULL)"

SQLITE_UPDATE = (
    "CREATE TRIGGER audit_log_update BEFORE UPDATE ON audit_log WHEN NOT ("
    + " AND ".join(f'NEW."{name}" IS OLD."{name}"' for name in SAME)
    + f" AND {ERASING}) BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
)
SQLITE_UPDATE_BEFORE = (
    f"CREATE TRIGGER audit_log_update BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
)

POSTGRESQL = """
CREATE OR REPLACE FUNCTION audit_log_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.id < COALESCE((SELECT max(kept_from) FROM audit_horizon), 0) THEN
        RETURN OLD;
    END IF;
    {erasing}
    RAISE EXCEPTION 'the audit log is only added to' USING ERRCODE = 'integrity_constraint_violation';
END
$$
"""
POSTGRESQL_ERASING = (
    "IF TG_OP = 'UPDATE' AND "
    + " AND ".join(f'NEW."{name}" IS NOT DISTINCT FROM OLD."{name}"' for name in SAME)
    + f" AND {ERASING} THEN RETURN NEW; END IF;"
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(POSTGRESQL.format(erasing=POSTGRESQL_ERASING))
        return
    op.execute("DROP TRIGGER audit_log_update")
    op.execute(SQLITE_UPDATE)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(POSTGRESQL.format(erasing=""))
        return
    op.execute("DROP TRIGGER audit_log_update")
    op.execute(SQLITE_UPDATE_BEFORE)
