"""Refuses settings that cannot work together, by name and before anything starts.

What one host keeps in files of its own, the others do not see: the secret, the database of SQLite, a store in a
directory. Several hosts are taken for granted where the database is PostgreSQL, and where Temporal is on another host,
whose workers would take this one's jobs.
"""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from aijobs.settings import Settings, SettingsError, is_sqlite

LOCAL_NAMES: Final = frozenset({"", "localhost"})
REMEDY: Final = "or AIJOBS_ONE_HOST=true when every process runs on this host, with this data directory"


def check_deployment(settings: Settings, *, temporal_address: str) -> None:
    """Raises SettingsError that names every setting which is wrong. `temporal_address` is host:port."""
    if problems := list(deployment_problems(settings, temporal_address=temporal_address)):
        raise SettingsError("; ".join(problems))


def deployment_problems(settings: Settings, *, temporal_address: str) -> Iterator[str]:
    """What cannot work, a sentence each that begins with the setting's name."""
    on_postgresql = not is_sqlite(settings.database)
    if on_postgresql and not settings.secret:
        yield settings.missing_secret
    if settings.one_host:
        return
    elsewhere = None if _is_this_host(temporal_address) else f"Temporal is at {temporal_address}"
    reason = "the database is PostgreSQL" if on_postgresql else elsewhere
    if reason and not settings.store.is_s3:
        yield f"AIJOBS_STORE__URL: a directory of this host, while {reason}: set s3://bucket/prefix, {REMEDY}"
    if elsewhere and not on_postgresql:
        yield f"AIJOBS_DATABASE_URL: SQLite, a file of this host, while {elsewhere}: set postgresql://…, {REMEDY}"


def _is_this_host(address: str) -> bool:
    try:
        host = urlsplit(f"//{address}").hostname or ""
    except ValueError:  # no address at all: the connection says so
        return False
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in LOCAL_NAMES
