"""where the values of extracted rows come from, and what a job's document says while it is read"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("template_row", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sources", sa.JSON(), nullable=True))
    op.create_table(
        "conversation_document",
        sa.Column("job_code", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["job_code"], ["conversation.job_code"]),
        sa.PrimaryKeyConstraint("job_code"),
    )


def downgrade() -> None:
    op.drop_table("conversation_document")
    with op.batch_alter_table("template_row", schema=None) as batch_op:
        batch_op.drop_column("sources")
