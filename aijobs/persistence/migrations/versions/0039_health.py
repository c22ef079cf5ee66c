"""when repair last ran, and what processes see of their hosts"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("installation", sa.Column("repaired_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
    op.add_column("process", sa.Column("facts", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("process", schema=None) as batch_op:
        batch_op.drop_column("facts")
    with op.batch_alter_table("installation", schema=None) as batch_op:
        batch_op.drop_column("repaired_at")
