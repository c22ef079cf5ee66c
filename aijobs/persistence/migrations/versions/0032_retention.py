"""what is kept and let go: deleted at, file uses, legal holds, erasures"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

from aijobs.persistence.migrations.large_tables import create_index, drop_index

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

DELETABLE = ("job", "file", "photo_review_analysis")
MOMENT = sqlmodel.sql.sqltypes.UTCDateTime
TEXT = sqlmodel.sql.sqltypes.AutoString
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    again = op.get_bind().dialect.name == "postgresql" or None  # there each index commits what came before it
    for table in DELETABLE:
        op.add_column(table, sa.Column("deleted_at", MOMENT(), nullable=True), if_not_exists=again)
    op.add_column(
        "job", sa.Column("let_go", sa.SmallInteger(), server_default="0", nullable=False), if_not_exists=again
    )
    op.add_column(
        "file", sa.Column("is_tracked", sa.Boolean(), server_default=sa.false(), nullable=False), if_not_exists=again
    )
    for table in DELETABLE:
        create_index(f"ix_{table}_deleted", table, ["deleted_at"], where="deleted_at IS NOT NULL")
    op.create_table(
        "file_use",
        sa.Column("file_code", TEXT(length=40), nullable=False),
        sa.Column("job_code", TEXT(length=40), nullable=False),
        sa.PrimaryKeyConstraint("file_code", "job_code"),
    )
    op.create_index("ix_file_use_job_code", "file_use", ["job_code"])
    _holds_and_erasures()
    op.create_table(
        "retention_rule",
        sa.Column("user_id", TEXT(length=200), nullable=False),
        sa.Column("lifetimes", sa.JSON(), nullable=False),
        sa.Column("update_by", TEXT(), nullable=False),
        sa.Column("update_time", MOMENT(), nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "retention_position",
        sa.Column("name", TEXT(length=40), nullable=False),
        sa.Column("position", ROW_ID, nullable=False),
        sa.Column("begun_at", MOMENT(), nullable=False),
        sa.Column("ended_at", MOMENT(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )


def _holds_and_erasures() -> None:
    unfinished = sa.text("ended_at IS NULL")
    op.create_table(
        "legal_hold",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("code", TEXT(length=40), nullable=False),
        sa.Column("kind", TEXT(length=20), nullable=False),
        sa.Column("name", TEXT(length=200), nullable=False),
        sa.Column("reason", TEXT(), nullable=False),
        sa.Column("create_by", TEXT(), nullable=False),
        sa.Column("create_time", MOMENT(), nullable=False),
        sa.Column("ended_by", TEXT(), nullable=True),
        sa.Column("ended_at", MOMENT(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_index(
        "ix_legal_hold_running", "legal_hold", ["kind", "name"], sqlite_where=unfinished, postgresql_where=unfinished
    )
    op.create_table(
        "erasure",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("code", TEXT(length=40), nullable=False),
        sa.Column("user_id", TEXT(length=200), nullable=True),
        sa.Column("pseudonym", TEXT(length=40), nullable=False),
        sa.Column("create_by", TEXT(), nullable=False),
        sa.Column("create_time", MOMENT(), nullable=False),
        sa.Column("waits_for", TEXT(length=40), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("ended_at", MOMENT(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_index(
        "ix_erasure_unfinished", "erasure", ["user_id"], sqlite_where=unfinished, postgresql_where=unfinished
    )


def downgrade() -> None:
    for table in ("retention_position", "retention_rule", "erasure", "legal_hold", "file_use"):
        op.drop_table(table)
    for table in DELETABLE:
        drop_index(f"ix_{table}_deleted", table)
    with op.batch_alter_table("file", schema=None) as batch_op:
        batch_op.drop_column("is_tracked")
        batch_op.drop_column("deleted_at")
    with op.batch_alter_table("photo_review_analysis", schema=None) as batch_op:
        batch_op.drop_column("deleted_at")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_column("let_go")
        batch_op.drop_column("deleted_at")
