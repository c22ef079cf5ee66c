"""when a job is to start, and by when it must"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

from aijobs.persistence.migrations.large_tables import create_index, drop_index

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

INDEX = "ix_job_expires"


def upgrade() -> None:
    again = op.get_bind().dialect.name == "postgresql"  # there the columns are committed before the index is built
    for name in ("start_at", "expires_at"):
        column = sa.Column(name, sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True)
        op.add_column("job", column, if_not_exists=again or None)
    create_index(INDEX, "job", ["expires_at"], where="expires_at IS NOT NULL AND job_status = 0")


def downgrade() -> None:
    drop_index(INDEX, "job")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_column("expires_at")
        batch_op.drop_column("start_at")
