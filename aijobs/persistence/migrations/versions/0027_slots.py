"""jobs in flight at vendors, the lines of those that wait, and users' shares"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

UTC = sqlmodel.sql.sqltypes.UTCDateTime


def text(length: int) -> sqlmodel.sql.sqltypes.AutoString:
    return sqlmodel.sql.sqltypes.AutoString(length=length)


def upgrade() -> None:
    op.add_column("job", sa.Column("has_slot", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("job", sa.Column("priority", sa.SmallInteger(), server_default=sa.text("3"), nullable=False))
    op.create_table(
        "slot",
        sa.Column("job_code", text(40), nullable=False),
        sa.Column("credential", text(100), nullable=False),
        sa.Column("model_id", text(100), nullable=False),
        sa.Column("user_id", text(200), nullable=False),
        sa.Column("state", text(10), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("rank_at", UTC(), nullable=False),
        sa.Column("since", UTC(), nullable=False),
        sa.Column("lease_until", UTC(), nullable=True),
        sa.Column("nudged_at", UTC(), nullable=True),
        sa.ForeignKeyConstraint(["job_code"], ["job.code"]),
        sa.PrimaryKeyConstraint("job_code"),
    )
    columns = ["credential", "state", "user_id", "model_id", "rank_at"]
    op.create_index("ix_slot_credential_state_user_id_model_id_rank_at", "slot", columns)
    leased = sa.text("lease_until IS NOT NULL")
    op.create_index("ix_slot_lease", "slot", ["lease_until"], sqlite_where=leased, postgresql_where=leased)
    op.create_table(
        "vendor_line",
        sa.Column("credential", text(100), nullable=False),
        sa.Column("virtual_time", sa.Float(), nullable=False),
        sa.Column("rates", sa.JSON(), nullable=False),
        sa.Column("blocked_at", UTC(), nullable=True),
        sa.Column("blocked_until", UTC(), nullable=True),
        sa.Column("is_probing", sa.Boolean(), nullable=False),
        sa.Column("probe", text(40), nullable=True),
        sa.Column("pace", sa.Float(), nullable=True),
        sa.Column("last_start", UTC(), nullable=True),
        sa.PrimaryKeyConstraint("credential"),
    )
    op.create_table(
        "user_turn",
        sa.Column("credential", text(100), nullable=False),
        sa.Column("user_id", text(200), nullable=False),
        sa.Column("turn", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("credential", "user_id"),
    )
    op.create_table(
        "user_share",
        sa.Column("user_id", text(200), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("in_flight", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("user_id"),
    )


def downgrade() -> None:
    for table in ("user_share", "user_turn", "vendor_line", "slot"):
        op.drop_table(table)
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_column("priority")
        batch_op.drop_column("has_slot")
