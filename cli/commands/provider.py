"""`aijobs provider`: what a provider can do, and whether it keeps the contract."""

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, cast

import structlog
import typer
from pydantic import BaseModel
from rich.text import Text

from aijobs.bootstrap import output_link_error
from aijobs.domain.errors import AijobsError
from aijobs.providers.conformance.capability_table import capability_table
from aijobs.providers.conformance.checks import CHECKS
from aijobs.providers.conformance.laboratory import DoesNotApply, NotConforming, opened_laboratory
from aijobs.providers.conformance.live_job import LiveJob, live_job
from aijobs.providers.conformance.subjects import subjects
from aijobs.providers.declared import key_table
from aijobs.providers.package import ProviderPackage
from aijobs.providers.registry import PROBLEMS, PROVIDERS
from aijobs.settings import Settings
from cli import console
from cli.api_client import api_path
from cli.errors import CommandError
from cli.options import ApiOptions, AsJson, DataDir, Key, Url, load_settings

provider = typer.Typer(help="Vendors: what they can do, and whether they keep the contract.", no_args_is_help=True)


@provider.command("list")
def list_providers() -> None:
    """List the providers and what each can do, as a table in Markdown."""
    for problem in PROBLEMS:
        console.warn(problem)
    for line in asyncio.run(capability_table(PROVIDERS)).splitlines():
        console.say(line, indent=0)


@provider.command()
def keys() -> None:
    """List every key that a file of a provider may have, as a table in Markdown."""
    for line in key_table().splitlines():
        console.say(line, indent=0)


@provider.command()
def health(
    reset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Use this credential again at once: what was wrong is mended.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Show which credentials of vendors are used. Needs a key with the scope credentials:read."""
    options = ApiOptions(url, key, None, data_dir)
    if reset is not None:
        options.call(lambda api: api.post(api_path("credentials", reset, "reset"), {}))
    page = options.call(lambda api: api.get("/api/credentials"))
    if as_json:
        console.show_json(page)
        return
    rows = (
        (one["credential"], one["state"], str(one["failures"]), console.local_time(one["until"]), one["reason"] or "")
        for one in page["data"]
    )
    console.show_table(("CREDENTIAL", "STATE", "FAILURES", "UNTIL", "REASON"), rows, right=("FAILURES",))


@provider.command()
def check(
    target: Annotated[str, typer.Argument(metavar="FILE|NAME", help="A file of TOML, or a provider's name.")],
    url: Annotated[str | None, typer.Option(help="Run one real job at this address; it costs what it costs.")] = None,
    token: Annotated[str | None, typer.Option(envvar="PROVIDER_TOKEN", help="The key for --url.")] = None,
    model: Annotated[str | None, typer.Option(help="The vendor's name of the model, for --url.")] = None,
    params: Annotated[str | None, typer.Option(help="The parameters as JSON, for --url.")] = None,
) -> None:
    """Say what is wrong in a file, show the request that it makes, and check every promise on a played vendor.

    Nothing leaves this machine without --url.
    """
    try:
        (package,) = subjects([target]).values()
    except ValueError as wrong:
        raise CommandError(f"{target} cannot be checked.", details=tuple(str(wrong).splitlines())) from wrong
    if url is not None and not token:
        raise CommandError("A real job needs the vendor's key.", hint="Give --token, or set PROVIDER_TOKEN.")
    asyncio.run(_show_request(package))
    with _no_log_lines():
        kept, broken, others = asyncio.run(_verdicts(package))
    if broken:
        raise CommandError(f"{package.vendor.label} breaks {broken} of {broken + kept} promises.")
    without = f" {others} do not apply to it." if others else ""
    console.say(Text(f"{package.vendor.label} keeps all {kept} promises.{without}", style="green"))
    if url is not None:
        settings = _configured(target, package)
        live = LiveJob(url=url, token=token or "", settings=settings, model=model, params=_read(params))
        asyncio.run(_one_job(package, live))


@contextmanager
def _no_log_lines() -> Iterator[None]:
    """The checks provoke what is logged otherwise, such as a word that nobody knows."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


async def _show_request(package: ProviderPackage) -> None:
    base_url = package.settings.model_fields["base_url"].default
    async with opened_laboratory(package) as laboratory:
        request = laboratory.submission().request
        console.say(Text("A job is submitted like this:", style="bold"))
        console.say(f"{request.method} {request.url.replace(laboratory.vendor.url, str(base_url))}")
        for name, value in request.headers.items():
            console.say(f"{name}: {value}")
        console.show_document(request.body)


async def _verdicts(package: ProviderPackage) -> tuple[int, int, int]:
    """How many promises are kept, are broken, and do not apply. Each is shown."""
    kept = broken = others = 0
    for name, run in CHECKS.items():
        try:
            async with opened_laboratory(package) as laboratory:
                await run(laboratory)
        except DoesNotApply as reason:
            others += 1
            console.say(console.IDLE, Text(f" {name}: does not apply, {reason}", style="dim"))
        except (NotConforming, AijobsError) as complaint:
            broken += 1
            console.say(console.WRONG, f" {name}")
            console.say(Text(str(complaint), style="red"), indent=6)
        else:
            kept += 1
            console.say(console.OK, f" {name}")
    return kept, broken, others


async def _one_job(package: ProviderPackage, job: LiveJob) -> None:
    settings = load_settings()  # wrong ones are told before anything is paid for
    try:
        results = await live_job(package, job, lambda text: console.say(console.IDLE, f" {text}"))
    except (NotConforming, AijobsError, ValueError, TimeoutError) as failed:  # ValueError: settings, or parameters
        raise CommandError(f"The job at {job.url} did not succeed: {str(failed) or 'no end in time'}") from failed
    refused = 0
    for source in results.sources:
        found = source.url or f"{len(source.content or b'')} bytes"
        complaint = output_link_error(settings, source.url, results.hosts) if source.url else None
        console.say(console.WRONG if complaint else console.OK, f" {source.kind}: {found}")
        if complaint:
            refused += 1
            console.say(Text(complaint, style="red"), indent=6)
    if refused:
        raise CommandError(
            f"{package.vendor.label} has done the job, and {refused} of its results would be refused.",
            hint="download_hosts names public hosts; a private one, or one without https, is allowed by "
            "AIJOBS_DOWNLOAD__ALLOW_HOSTS=host:port.",
        )


def _configured(target: str, package: ProviderPackage) -> dict[str, Any]:
    """What is set of the provider's section, such as the second half of a key. A file has none."""
    if target not in PROVIDERS:
        return {}
    section = cast(BaseModel, Settings.load().section(target))
    return {name: getattr(section, name) for name in section.model_fields_set & package.settings.model_fields.keys()}


def _read(params: str | None) -> dict[str, Any] | None:
    if params is None:
        return None
    try:
        read = json.loads(params)
    except ValueError as wrong:
        raise CommandError(f"--params is not JSON: {wrong}") from wrong
    if not isinstance(read, dict):
        raise CommandError("--params must be a JSON object.")
    return read
