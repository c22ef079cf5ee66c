"""how long generations took, by model and class of parameters"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "generation_times",
        sa.Column("model_id", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("parameter_class", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
        sa.Column("times", sa.JSON(), nullable=False),
        sa.Column("update_time", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("model_id", "parameter_class"),
    )


def downgrade() -> None:
    op.drop_table("generation_times")
