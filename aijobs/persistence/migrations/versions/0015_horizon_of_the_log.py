"""commits of events beside each other: readers of the log stop at a horizon, instead of writers for each other"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

LOCK = 4_937_201_008
"""Of revision 0008."""

FLOORS = 4938
"""The first number of the locks that commits hold; the other is the lower half of the position they begin behind."""

#: Before a commit numbers its first event, it says behind which position its own will be, by a shared lock that is let
#: go once the transaction is visible. Nobody waits for anybody.
NUMBER_AT_COMMIT = f"""
CREATE OR REPLACE FUNCTION job_event_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('aijobs.numbering', true) IS DISTINCT FROM pg_current_xact_id()::text THEN
        PERFORM pg_advisory_xact_lock_shared(
            {FLOORS}, (coalesce(pg_sequence_last_value('job_event_position'), 0) & 2147483647)::int
        );
        PERFORM set_config('aijobs.numbering', pg_current_xact_id()::text, true);
    END IF;
    UPDATE job_event SET position = nextval('job_event_position') WHERE id = NEW.id;
    RETURN NULL;
END
$$
"""

#: A position that was given before this looked at the sequence belongs to a transaction that is visible by now, or
#: whose lock is seen here: it was taken before the position was. So the horizon is to be asked before the rows are
#: looked at, by a statement of its own. A floor that is ahead of us is of positions that are ahead too.
HORIZON = f"""
CREATE FUNCTION job_event_horizon() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    given bigint := coalesce(pg_sequence_last_value('job_event_position'), 0);
    lowest bigint;
BEGIN
    SELECT min(given - behind) INTO lowest
    FROM (
        SELECT (given - objid::bigint) & 2147483647 AS behind FROM pg_locks
        WHERE locktype = 'advisory' AND classid = {FLOORS} AND objsubid = 2
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) AS held
    WHERE behind < 1073741824;
    RETURN least(given, lowest);
END
$$
"""

ONE_BY_ONE = f"""
CREATE OR REPLACE FUNCTION job_event_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock({LOCK});
    UPDATE job_event SET position = nextval('job_event_position') WHERE id = NEW.id;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(HORIZON)
        op.execute(NUMBER_AT_COMMIT)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(ONE_BY_ONE)
        op.execute("DROP FUNCTION job_event_horizon()")
