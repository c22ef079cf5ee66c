"""`aijobs doctor`: what works, what is missing, and how to fix it."""

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
    found = asyncio.run(_collect_findings(data_dir, show=not as_json))
    broken_findings = [finding for finding in found if finding.health is FindingLevel.BROKEN]
    if as_json:
        console.show_json({"ok": not broken_findings, "findings": [asdict(finding) for finding in found]})
    else:
        _conclude(found, broken_findings)
    raise typer.Exit(Exit.ERROR if broken_findings else Exit.SUCCESS)


async def _collect_findings(data_dir: DataDir, *, show: bool) -> list[Finding]:
    found = []
    async for finding in _run_checks(data_dir):
        found.append(finding)
        if show:
            finding.show()
    return found


async def _run_checks(data_dir: DataDir) -> AsyncIterator[Finding]:
    for finding in checks.machine():
        yield finding
    try:
        settings = load_settings(data_dir)
        catalogue = checks.catalogue(settings)
    except SettingsError as error:
        yield broken("Settings", str(error), "The rest is looked at when the settings can be read.")
        return
    yield fine("Settings", "every AIJOBS_ variable is known")
    yield catalogue
    async for finding in _check_installation(settings):
        yield finding


async def _check_installation(settings: Settings) -> AsyncIterator[Finding]:
    yield checks.deployment(settings)
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


def _conclude(found: list[Finding], broken_findings: list[Finding]) -> None:
    console.say("")
    if broken_findings:
        console.say(console.WRONG, f"Broken: {', '.join(finding.part for finding in broken_findings)}.")
    elif any(finding.health is FindingLevel.OFF for finding in found):
        legend = Text("What is marked · does not run, or has no key.", style="dim")
        console.say(console.OK, "Nothing is broken.", legend)
    else:
        console.say(console.OK, "Everything works.")
