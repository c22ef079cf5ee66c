"""the audit log, which is only added to"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

REFUSAL = "the audit log is only added to"

SQLITE = (
    f"CREATE TRIGGER audit_log_update BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
    "CREATE TRIGGER audit_log_delete BEFORE DELETE ON audit_log "
    "WHEN OLD.id >= COALESCE((SELECT max(kept_from) FROM audit_horizon), 0) "
    f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
)

POSTGRESQL = (
    f"""
CREATE FUNCTION audit_log_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.id < COALESCE((SELECT max(kept_from) FROM audit_horizon), 0) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';
END
$$
""",
    "CREATE TRIGGER audit_log_change BEFORE UPDATE OR DELETE ON audit_log "
    "FOR EACH ROW EXECUTE FUNCTION audit_log_keep()",
    "CREATE TRIGGER audit_log_truncate BEFORE TRUNCATE ON audit_log "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_log_keep()",
)

TEXT = sqlmodel.sql.sqltypes.AutoString
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("code", TEXT(length=40), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("act", TEXT(length=40), nullable=False),
        sa.Column("target", TEXT(length=300), nullable=False),
        sa.Column("actor_kind", TEXT(length=20), nullable=False),
        sa.Column("actor", TEXT(length=200), nullable=False),
        sa.Column("key_id", TEXT(length=40), nullable=True),
        sa.Column("session", TEXT(length=40), nullable=True),
        sa.Column("user_id", TEXT(length=200), nullable=True),
        sa.Column("address", TEXT(length=100), nullable=True),
        sa.Column("request_id", TEXT(length=100), nullable=True),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("after", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    for column in ("at", "act", "target", "actor"):
        op.create_index(f"ix_audit_log_{column}", "audit_log", [column])
    op.create_table(
        "audit_horizon",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kept_from", ROW_ID, nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    for statement in POSTGRESQL if op.get_bind().dialect.name == "postgresql" else SQLITE:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("audit_horizon")
    op.drop_table("audit_log")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_log_keep()")
