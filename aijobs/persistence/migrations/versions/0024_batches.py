"""batches of jobs, their items, and the points that they have reserved"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

Text = sqlmodel.sql.sqltypes.AutoString
Moment = sqlmodel.sql.sqltypes.UTCDateTime
RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Code = sa.String(length=40).with_variant(sa.String(length=40, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "batch",
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("del", sa.Boolean(), nullable=False),
        sa.Column("sort", sa.Integer(), nullable=False),
        sa.Column("create_by", Text(), nullable=True),
        sa.Column("create_time", Moment(), nullable=False),
        sa.Column("update_by", Text(), nullable=True),
        sa.Column("update_time", Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("id", RowId, nullable=False),
        sa.Column("code", Code, nullable=False),
        sa.Column("user_id", Text(length=200), nullable=True),
        sa.Column("model_id", Text(length=100), nullable=False),
        sa.Column("batch_status", Text(length=20), nullable=False),
        sa.Column("pause_reason", Text(length=40), nullable=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("output_count", sa.Integer(), nullable=False),
        sa.Column("unit_points", RowId, nullable=False),
        sa.Column("charged_before", RowId, nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("reserve", Text(length=20), nullable=False),
        sa.Column("start_at", Moment(), nullable=True),
        sa.Column("expires_at", Moment(), nullable=True),
        sa.Column("callback_url", Text(), nullable=True),
        sa.Column("item_callback_url", Text(), nullable=True),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("running_since", Moment(), nullable=True),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
        sa.UniqueConstraint("code", name=op.f("uq_batch_code")),
    )
    op.create_index("ix_batch_user_id_id", "batch", ["user_id", "id"])
    _create_partial_index("ix_batch_unfinished", "batch", "code", where="ended_at IS NULL")
    op.create_table(
        "batch_item",
        sa.Column("batch_id", RowId, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("user_id", Text(length=200), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("job_code", Text(length=40), nullable=True),
        sa.Column("job_status", sa.SmallInteger(), nullable=True),
        sa.Column("charged", RowId, nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_batch_item_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "number", name=op.f("pk_batch_item")),
    )
    op.create_index("ix_batch_item_counted", "batch_item", ["batch_id", "job_status", "charged", "number"])
    op.create_index("ix_batch_item_ended", "batch_item", ["batch_id", "ended_at"])
    _create_partial_index("ix_batch_item_job_known", "batch_item", "job_code", where="job_code IS NOT NULL")
    op.create_table(
        "batch_points",
        sa.Column("batch_id", RowId, nullable=False),
        sa.Column("user_id", Text(length=200), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("points", RowId, nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_batch_points_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "user_id", "day", name=op.f("pk_batch_points")),
    )
    op.add_column("job", sa.Column("batch_code", Text(length=40), nullable=True))


def downgrade() -> None:
    op.drop_column("job", "batch_code")
    op.drop_table("batch_points")
    op.drop_table("batch_item")
    op.drop_table("batch")


def _create_partial_index(name: str, table: str, column: str, *, where: str) -> None:
    op.create_index(name, table, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))
