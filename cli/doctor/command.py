"""`aijobs doctor`: what is there, what is missing, and how to mend it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict

import typer
from rich.text import Text

from aijobs.settings import Settings, SettingsError
from cli import console
from cli.doctor import checks
from cli.doctor.database_check import database
from cli.doctor.report import Finding, FindingLevel, broken, fine
from cli.doctor.store_check import store
from cli.doctor.temporal_check import temporal
from cli.doctor.vendor_keys import vendor_keys
from cli.errors import Exit
from cli.options import AsJson, DataDir, load_settings


def doctor(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Check every part and say how to mend what is broken.

    Exit code 1 when something that is needed is broken.
    """
    found = asyncio.run(_examined(data_dir, show=not as_json))
    sick = [finding for finding in found if finding.health is FindingLevel.BROKEN]
    if as_json:
        console.show_json({"ok": not sick, "findings": [asdict(finding) for finding in found]})
    else:
        _conclude(found, sick)
    raise typer.Exit(Exit.ERROR if sick else Exit.SUCCESS)


async def _examined(data_dir: DataDir, *, show: bool) -> list[Finding]:
    found = []
    async for finding in _examination(data_dir):
        found.append(finding)
        if show:
            finding.show()
    return found


async def _examination(data_dir: DataDir) -> AsyncIterator[Finding]:
    for finding in checks.machine():
        yield finding
    try:
        settings = load_settings(data_dir)
        catalogue = checks.catalogue(settings)
    except SettingsError as wrong:
        yield broken("Settings", str(wrong), "The rest is looked at when the settings can be read.")
        return
    yield fine("Settings", "every AIJOBS_ variable is known")
    yield catalogue
    async for finding in _installation(settings):
        yield finding


async def _installation(settings: Settings) -> AsyncIterator[Finding]:
    yield checks.folder(settings)
    async for finding in database(settings):
        yield finding
    yield await store(settings)
    async for finding in temporal(settings):
        yield finding
    async for finding in vendor_keys(settings):
        yield finding
    yield checks.key_file(settings)
    yield await checks.api(settings)


def _conclude(found: list[Finding], sick: list[Finding]) -> None:
    console.say("")
    if sick:
        console.say(console.WRONG, f"Broken: {', '.join(finding.part for finding in sick)}.")
    elif any(finding.health is FindingLevel.OFF for finding in found):
        legend = Text("What is marked · does not run, or has no key.", style="dim")
        console.say(console.OK, "Nothing is broken.", legend)
    else:
        console.say(console.OK, "Everything works.")
