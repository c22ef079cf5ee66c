"""`aijobs audit`: who has done what, straight from the installation's database."""

import asyncio
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from aijobs.bootstrap import open_database
from aijobs.domain.values.durations import parse_duration
from aijobs.persistence.audit_log import AuditFilter, audit_page
from aijobs.persistence.tables import AuditRow
from aijobs.settings import Settings
from aijobs.usecases.export_audit import document_of, export_audit
from cli import console, terminal_text
from cli.errors import CommandError, Exit
from cli.options import AsJson, DataDir, load_settings


class ExportAs(StrEnum):
    """What a whole export comes as."""

    JSONL = "jsonl"
    CSV = "csv"


def audit(
    actor: Annotated[str | None, typer.Option(help="A key's id, a person, or an account with its host.")] = None,
    act: Annotated[str | None, typer.Option(help="As key.revoked, or key for all of its kind.")] = None,
    target: Annotated[str | None, typer.Option(help="The code, id or name of what was acted on.")] = None,
    user: Annotated[str | None, typer.Option(help="The end user whose thing it was.")] = None,
    last: Annotated[str | None, typer.Option(metavar="DURATION", help="Only since then: 2h, 30d.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, newest first.")] = 50,
    export: Annotated[ExportAs | None, typer.Option(help="Everything that fits, oldest first, on stdout.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show who has done what: administrative and security acts, with what was before and after."""
    settings = load_settings(data_dir)
    which = AuditFilter(actor=actor, kind=act, target=target, user_id=user, since=_since(last))
    if export is not None:
        asyncio.run(_export(settings, which, export))
        return
    rows = asyncio.run(_rows(settings, which, limit))
    if as_json:
        console.show_json({"data": [document_of(row) for row in rows]})
    elif rows:
        console.show_table(("TIME", "ACT", "TARGET", "BY", "FROM", "BEFORE", "AFTER"), map(_cells, rows))
    else:
        console.say("Nothing is recorded that fits.")


async def _rows(settings: Settings, which: AuditFilter, limit: int) -> list[AuditRow]:
    async with open_database(settings) as database:
        return (await database.snapshot(audit_page, which, limit=limit))[0]


async def _export(settings: Settings, which: AuditFilter, form: ExportAs) -> None:
    """As it is for programs; for a terminal made harmless."""
    async with open_database(settings) as database:
        async for piece in await export_audit(database, which, as_csv=form is ExportAs.CSV):
            sys.stdout.write(terminal_text.lines(piece) if sys.stdout.isatty() else piece)


def _since(last: str | None) -> datetime | None:
    if last is None:
        return None
    age = parse_duration(last)
    if not isinstance(age, timedelta):
        raise CommandError(f"{last!r} is not a duration such as 12h or 30d.", code=Exit.USAGE)
    try:
        return datetime.now(UTC) - age
    except OverflowError:
        raise CommandError(f"{last} is longer than the calendar.", code=Exit.USAGE) from None


def _cells(row: AuditRow) -> tuple[str, ...]:
    actor = f"{row.actor_kind} {row.actor}".strip()
    at = f"{row.at.astimezone():%Y-%m-%d %H:%M:%S}"
    return (at, row.act, row.target, actor, row.address or "", _text(row.before), _text(row.after))


def _text(values: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{name}: {value}" for name, value in (values or {}).items() if value is not None)
