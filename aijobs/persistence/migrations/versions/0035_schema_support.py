"""the oldest code that may still use the tables

Migrations only add, so that processes of the version before go on, and may start again. One that takes something away
(drops, renames, forbids null) comes a release after the last code that used it, and says so here:

    op.execute("UPDATE schema_support SET oldest_code = '…'")  # the revision of the first version that can do without
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    support = op.create_table(
        "schema_support",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("oldest_code", sqlmodel.sql.sqltypes.AutoString(length=4), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.bulk_insert(support, [{"number": 1, "oldest_code": revision}])


def downgrade() -> None:
    op.drop_table("schema_support")
