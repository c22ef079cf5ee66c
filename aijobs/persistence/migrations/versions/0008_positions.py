"""the position of an event in the log of all jobs, which PostgreSQL gives while a transaction commits"""

import sqlalchemy as sa
from alembic import op

from aijobs.persistence.migrations.large_tables import create_index, drop_index

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LOCK = 4_937_201_008
"""Held from the moment that a transaction numbers its events until they are visible."""

#: Transactions overlap: one that inserted first may commit last, and its ids would appear behind a reader's back. So the
#: position is given by a deferred trigger, while the server commits: under a lock that is let go once the transaction is
#: visible. Whatever the writer's process does between insert and commit, nobody waits for it; and since nothing else is
#: locked after this lock, it takes part in no deadlock.
NUMBER_AT_COMMIT = f"""
CREATE FUNCTION job_event_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock({LOCK});
    UPDATE job_event SET position = nextval('job_event_position') WHERE id = NEW.id;
    RETURN NULL;
END
$$
"""

TRIGGER = """
CREATE CONSTRAINT TRIGGER job_event_number AFTER INSERT ON job_event
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION job_event_number()
"""


def upgrade() -> None:
    with op.batch_alter_table("job_event", schema=None) as batch_op:
        batch_op.add_column(sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE SEQUENCE job_event_position AS bigint OWNED BY job_event.position")
        op.execute(NUMBER_AT_COMMIT)
        op.execute(TRIGGER)
        create_index("ix_job_event_position", "job_event", ["position"], unique=True)
        create_index("ix_job_event_user_id_position", "job_event", ["user_id", "position"])
        drop_index("ix_job_event_user_id", "job_event")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        create_index("ix_job_event_user_id", "job_event", ["user_id", "id"])
        drop_index("ix_job_event_user_id_position", "job_event")
        drop_index("ix_job_event_position", "job_event")
        op.execute("DROP TRIGGER job_event_number ON job_event")
        op.execute("DROP FUNCTION job_event_number()")
    with op.batch_alter_table("job_event", schema=None) as batch_op:
        batch_op.drop_column("position")
