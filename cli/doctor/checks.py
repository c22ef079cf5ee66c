"""The doctor's checks, one for each part. They change nothing and cost nothing."""

import os
import sqlite3
import sys
from collections.abc import Iterator
from typing import Final

import httpx

from aijobs.domain.errors import TemporalMisconfigured
from aijobs.hosts.deployment_check import deployment_problems
from aijobs.persistence.database import sqlite_is_safe
from aijobs.settings import Settings, is_sqlite
from cli.doctor.report import Finding, broken, doubtful, fine, off
from cli.embedded.temporal_server import temporal_binary
from cli.errors import CommandError
from cli.options import KEY_FILE, api_url
from workflows.namespace.connection import temporal_address

OLDEST_PYTHON: Final = (3, 11)
HTTP_TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)


def machine() -> Iterator[Finding]:
    """Python, SQLite and `temporal`, which every installation needs."""
    version = sys.version.partition(" ")[0]
    if sys.version_info >= OLDEST_PYTHON:
        yield fine("Python", version)
    else:
        yield broken("Python", f"{version} is too old.", "Install Python 3.11 or newer.")
    if sqlite_is_safe():
        yield fine("SQLite", sqlite3.sqlite_version)
    else:
        yield doubtful(
            "SQLite",
            f"{sqlite3.sqlite_version} can, rarely, damage a database under many writers (fixed in 3.51.3).",
            "Use a Python that is built with a newer SQLite; keep backups until then.",
        )
    try:
        yield fine("temporal", str(temporal_binary()))
    except CommandError as missing:
        yield broken("temporal", str(missing), missing.hint)


def folder(settings: Settings) -> Finding:
    data_dir = settings.data_dir.resolve()
    if not data_dir.exists():
        nearest = next(parent for parent in data_dir.parents if parent.exists())
        if os.access(nearest, os.W_OK):
            return off("Data", f"{data_dir} is not there yet.", "`aijobs up` makes it.")
        return broken("Data", f"{data_dir} cannot be made.", f"Let this user write to {nearest}.")
    if not data_dir.is_dir() or not os.access(data_dir, os.W_OK):
        return broken("Data", f"{data_dir} cannot be written.", "Change its owner, or set AIJOBS_DATA_DIR.")
    return fine("Data", str(data_dir))


def key_file(settings: Settings) -> Finding:
    path = settings.data_dir / KEY_FILE
    if not path.exists():
        return off("Key", f"{path} is not there yet.", "The API makes it at its first start.")
    if path.stat().st_mode & 0o077:
        return doubtful("Key", f"{path} can be read by others.", f"chmod 600 {path}")
    return fine("Key", str(path))


def deployment(settings: Settings) -> Finding:
    try:
        problems = list(deployment_problems(settings, temporal_address=temporal_address()))
    except TemporalMisconfigured:
        return off("Hosts", "not looked at: Temporal's settings cannot be read.", "Mend those first.")
    if problems:
        return broken("Hosts", "; ".join(problems), "docs/deployment.md says what several hosts need.")
    return fine("Hosts", "one, with all data in files of its own" if _is_alone(settings) else "any number")


def _is_alone(settings: Settings) -> bool:
    return is_sqlite(settings.database) or not settings.store.is_s3


def catalogue(settings: Settings) -> Finding:
    """How many models can be used. Raises SettingsError."""
    models = list(settings.load_catalogue())
    usable = sum(settings.has_key(model.provider) for model in models)
    return fine("Catalogue", f"{len(models)} models, {usable} of them with a key for their provider")


async def api(settings: Settings) -> Finding:
    url = settings.cli.url or api_url(settings)
    try:
        async with httpx.AsyncClient(timeout=HTTP_TIMEOUT, trust_env=False) as http:
            response = await http.get(f"{url}/readyz")
    except httpx.HTTPError as unreachable:
        if settings.cli.url or settings.public_url:
            return broken("API", f"{url}: {unreachable or type(unreachable).__name__}", "Does it run there?")
        return off("API", "does not run here.", "`aijobs up` starts it.")
    if not response.is_success:
        return broken("API", f"{url} is not ready: {response.text.strip()}", "Its log says more.")
    return fine("API", f"{url} is ready")
