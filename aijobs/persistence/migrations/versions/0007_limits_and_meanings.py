"""the limit that held on a day; what a request with an idempotency key means; jobs counted by status and model"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("points_day", schema=None) as batch_op:
        batch_op.add_column(sa.Column("daily_limit", sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True))
    with op.batch_alter_table("idempotency_key", schema=None) as batch_op:
        batch_op.add_column(sa.Column("meaning_sha256", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.create_index("ix_job_job_status_model_id", ["job_status", "model_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_index("ix_job_job_status_model_id")
    with op.batch_alter_table("idempotency_key", schema=None) as batch_op:
        batch_op.drop_column("meaning_sha256")
    with op.batch_alter_table("points_day", schema=None) as batch_op:
        batch_op.drop_column("daily_limit")
