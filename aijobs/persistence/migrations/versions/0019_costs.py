"""what a job has cost at its vendor, in money"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "job", sa.Column("cost_nanos", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
    )
    op.add_column("job", sa.Column("cost_currency", sqlmodel.sql.sqltypes.AutoString(length=3), nullable=True))
    op.add_column("job", sa.Column("cost_source", sqlmodel.sql.sqltypes.AutoString(length=10), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_column("cost_source")
        batch_op.drop_column("cost_currency")
        batch_op.drop_column("cost_nanos")
