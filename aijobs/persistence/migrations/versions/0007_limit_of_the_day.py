"""the limit that held on a day"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("points_day", schema=None) as batch_op:
        batch_op.add_column(sa.Column("daily_limit", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("points_day", schema=None) as batch_op:
        batch_op.drop_column("daily_limit")
