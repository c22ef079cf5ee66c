"""what vendors have told of jobs that they cannot be asked about"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vendor_report",
        sa.Column("submission_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("job_code", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("received_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"]),
        sa.ForeignKeyConstraint(["job_code"], ["job.code"]),
        sa.PrimaryKeyConstraint("submission_id"),
    )
    op.create_index("ix_vendor_report_received_at", "vendor_report", ["received_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_vendor_report_received_at", table_name="vendor_report")
    op.drop_table("vendor_report")
