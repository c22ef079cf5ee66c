"""jobs whose workflow is still to be started"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "job_start",
        sa.Column("job_code", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
        sa.Column("look_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["job_code"], ["job.code"]),
        sa.PrimaryKeyConstraint("job_code"),
    )
    op.create_index("ix_job_start_look_at", "job_start", ["look_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_job_start_look_at", table_name="job_start")
    op.drop_table("job_start")
