"""what was told of a day's points, and webhooks that are of no job"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("points_day", sa.Column("alerted", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("webhook_delivery", sa.Column("payload", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("webhook_delivery", schema=None) as batch_op:
        batch_op.drop_column("payload")
    with op.batch_alter_table("points_day", schema=None) as batch_op:
        batch_op.drop_column("alerted")
