"""what operators have paused"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pause",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=20), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("create_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("create_time", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("ended_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("ended_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    running = sa.text("ended_at IS NULL")
    op.create_index("ix_pause_running", "pause", ["kind", "name"], sqlite_where=running, postgresql_where=running)
    op.create_table(
        "held_job",
        sa.Column("job_code", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
        sa.Column("pause_code", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
        sa.PrimaryKeyConstraint("job_code"),
    )
    op.create_index("ix_held_job_pause_code", "held_job", ["pause_code"])


def downgrade() -> None:
    op.drop_table("held_job")
    op.drop_table("pause")
