"""`aijobs backup`: everything that this machine's installation keeps, copied while it runs."""

from pathlib import Path
from typing import Annotated

import typer

from cli import console
from cli.embedded.backups.making import make_backup
from cli.options import DataDir, load_settings


def backup(
    target: Annotated[
        Path, typer.Argument(metavar="DIR_OR_FILE", help="A new folder, or a new file whose name ends in .tar.")
    ],
    data_dir: DataDir = None,
) -> None:
    """Copy the database, Temporal's, the keys and the stored objects, while everything runs.

    Settings are not in it, nor a store in S3. On the store's own disk a folder shares the objects' files: copy it to
    another disk. `aijobs restore` makes an installation of it. PostgreSQL has tools of its own: see docs/backups.md.
    """
    settings = load_settings(data_dir)
    manifest = make_backup(settings, target, report=lambda part, found: console.say(console.OK, f"{part:<9}", found))
    console.say("")
    console.say(f"{console.short(target)}: {manifest.size:,} bytes, as of {manifest.copied_at:%Y-%m-%dT%H:%M:%S.%fZ}")
