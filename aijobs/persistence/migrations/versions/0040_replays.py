"""an index of replayed webhooks"""

from aijobs.persistence.migrations.large_tables import create_index, drop_index

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

NAME = "ix_webhook_delivery_replay_of"


def upgrade() -> None:
    create_index(NAME, "webhook_delivery", ["replay_of"], where="replay_of IS NOT NULL")


def downgrade() -> None:
    drop_index(NAME, "webhook_delivery")
