"""roles, uses and rotations of keys; where sessions come from"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString

ADDED = {
    "api_key": {"role": 20, "replaces": 40, "replaced_by": 40, "lineage": 40},
    "browser_session": {"role": 20, "address": 64, "browser": 300},
}


def upgrade() -> None:
    op.add_column("api_key", sa.Column("last_used_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
    for table, columns in ADDED.items():
        for name, length in columns.items():
            op.add_column(table, sa.Column(name, TEXT(length=length), nullable=True))


def downgrade() -> None:
    for table, columns in ADDED.items():
        for name in columns:
            op.drop_column(table, name)
    op.drop_column("api_key", "last_used_at")
