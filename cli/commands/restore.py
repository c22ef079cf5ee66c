"""`aijobs restore`: an installation made of a backup, which pays nothing twice."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from aijobs.bootstrap import note_older_copy
from aijobs.settings import Settings
from cli import console
from cli.embedded.backups.contents import BackupManifest
from cli.embedded.backups.restoring import restore_backup, verify_backup
from cli.errors import CommandError, Exit
from cli.options import DataDir, load_settings, past_moment


def restore(
    source: Annotated[
        Path | None, typer.Argument(metavar="DIR_OR_FILE", help="What `aijobs backup` has written.")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check the backup, and write nothing.")] = False,
    unchanged: Annotated[
        bool, typer.Option("--unchanged", help="The original was stopped before the backup: nothing was sent since.")
    ] = False,
    copy_of: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Instead: the database was restored by its own tools, to this moment."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Make an installation of a backup, in a new or empty data directory.

    What was accepted before the backup and not sent may have been sent after it: such jobs are looked for at their
    providers by the ids that they were sent with, and are not sent again. What cannot be found holds its points until
    an operator decides. Batches pause.
    """
    if (source is None) == (copy_of is None):
        raise CommandError("Name a backup, or say --copy-of TIME.", code=Exit.USAGE)
    settings = load_settings(data_dir)
    if source is None:
        _note(settings, datetime.fromisoformat(past_moment(copy_of) or ""))
    elif verify:
        _say(verify_backup(source), "It is what was copied.")
    else:
        manifest = restore_backup(settings, source)
        _say(manifest, f"It is restored to {console.short(settings.data_dir)}.")
        if not unchanged:
            _note(settings, manifest.copied_at)


def _say(manifest: BackupManifest, result: str) -> None:
    console.say(console.OK, f"aijobs {manifest.version}, database at revision {manifest.revision},")
    console.say(f"as of {manifest.copied_at:%Y-%m-%dT%H:%M:%S.%fZ}, {manifest.objects} objects", indent=4)
    if manifest.store is not None:
        console.say(console.DOUBT, f"Its objects are in {manifest.store}: set AIJOBS_STORE__URL.")
    console.say(console.OK, result)


def _note(settings: Settings, at: datetime) -> None:
    doubtful, paused = asyncio.run(note_older_copy(settings, at))
    console.say(
        console.OK,
        f"{doubtful} jobs may have been sent after {at.astimezone(UTC):%Y-%m-%dT%H:%MZ}: they are looked for.",
    )
    if paused:
        console.say(console.DOUBT, f"{paused} batches pause: `aijobs batch resume` after a look at their providers.")
