"""jobs that need a review, and who changed what of an extracted table"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("needs_review", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("conversation", sa.Column("pages", sa.Integer(), nullable=True))
    op.create_table(
        "table_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("job_code", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
        sa.Column("user_id", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=20), nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=True),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["job_code"], ["job.code"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_table_change_job_code", "table_change", ["job_code"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_table_change_job_code", table_name="table_change")
    op.drop_table("table_change")
    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.drop_column("pages")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_column("needs_review")
