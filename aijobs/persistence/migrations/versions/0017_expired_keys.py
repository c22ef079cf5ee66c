"""an index that finds the expired idempotency keys of an owner among those that are still good"""

from aijobs.persistence.migrations.large_tables import create_index, drop_index

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

NAME = "ix_idempotency_key_owner_create_time"
TABLE = "idempotency_key"


def upgrade() -> None:
    create_index(NAME, TABLE, ["owner", "create_time"])


def downgrade() -> None:
    drop_index(NAME, TABLE)
