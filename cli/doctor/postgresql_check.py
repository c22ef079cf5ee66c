"""Checks a PostgreSQL server that answers."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import URL, text

from aijobs.persistence.database import postgresql

OLDEST_VERSION: Final = 150_000  #: as `server_version_num` says it
FEW_CONNECTIONS: Final = 0.9
"""The share of all connections, above which the next process may find none."""

FACTS: Final = text("""
SELECT current_setting('server_version_num')::integer AS version,
    current_setting('server_encoding') AS encoding,
    current_setting('fsync') AS fsync,
    current_setting('synchronous_commit') AS synchronous_commit,
    pg_is_in_recovery() AS is_standby,
    current_setting('max_connections')::integer AS most,
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
    EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = 'job_event_number' AND tgenabled IN ('O', 'A')) AS numbers_events,
    EXISTS (SELECT 1 FROM job_event WHERE position IS NULL) AS has_unnumbered
""")


def problems(url: URL) -> Iterator[tuple[str, str]]:
    """Each problem in one sentence, and how to mend it. Raises what the server refuses."""
    engine = postgresql.administrator(url)
    try:
        with engine.connect() as connection:
            facts = connection.execute(FACTS).mappings().one()
    finally:
        engine.dispose()
    if facts["version"] < OLDEST_VERSION:
        yield f"PostgreSQL {facts['version'] // 10_000} is older than what is tested.", "Use PostgreSQL 15 or newer."
    if facts["encoding"] != "UTF8":
        yield f"Its encoding is {facts['encoding']}.", "Make a database with ENCODING 'UTF8'; `aijobs init` does."
    if facts["is_standby"]:
        yield "It is a standby, which takes no writes.", "Let AIJOBS_DATABASE_URL lead to the primary."
    if "off" in {facts["fsync"], facts["synchronous_commit"]}:
        yield (
            "A power cut may lose what was acknowledged: fsync or synchronous_commit is off.",
            "Turn both on.",
        )
    if not facts["numbers_events"] or facts["has_unnumbered"]:
        yield "Events lack positions, so streams miss them: a restore has left out a trigger.", "Run `aijobs init`."
    if facts["used"] >= FEW_CONNECTIONS * facts["most"]:
        yield (
            f"{facts['used']} of its {facts['most']} connections are in use.",
            "Raise max_connections, or put PgBouncer in between (AIJOBS_POSTGRESQL__TRANSACTION_POOLER).",
        )
