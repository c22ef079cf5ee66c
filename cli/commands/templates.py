"""`aijobs templates`: the prompts of document jobs, as TOML files and as the API has them."""

import asyncio
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from aijobs.domain.documents.costs import money
from aijobs.domain.documents.prompt_stages import split
from aijobs.domain.documents.template_files import parse_template
from aijobs.domain.documents.templates import TemplateDefinition
from cli import console
from cli.api_client import ApiClient, Document, api_path
from cli.commands.evaluate import evaluate, report, shipped_folder, show
from cli.errors import CommandError, Exit
from cli.options import ApiOptions, AsJson, DataDir, Key, Url, User, load_settings

TemplateFile = Annotated[Path, typer.Argument(metavar="FILE", help="ID.toml: its name is the template's id.")]

TemplateId = Annotated[str, typer.Argument(metavar="ID", help="The template's id: see `aijobs templates list`.")]

PAGE: Final = 100  #: templates in one request
EVALUATION: Final = "evaluation"  #: the end user of its jobs, where none is named

templates = typer.Typer(help="Templates of document jobs: list, check, save, estimate, evaluate.", no_args_is_help=True)


@templates.command("list")
def list_templates(as_json: AsJson = False, url: Url = None, key: Key = None, data_dir: DataDir = None) -> None:
    """List what can be asked for, by id."""
    page = ApiOptions(url, key, None, data_dir).call(_all_templates)
    if as_json:
        console.show_json(page)
    else:
        rows = (
            (template["id"], str(template["version"]), template["name"], ", ".join(template["columns"]))
            for template in page["data"]
        )
        console.show_table(("ID", "VERSION", "NAME", "COLUMNS"), rows, right=("VERSION",))


@templates.command()
def check(path: TemplateFile) -> None:
    """Show the stages that a file would be cut into. Nothing is saved, and no API is needed."""
    definition = _read(path)
    split_prompt = split(definition.prompt, definition.stages)
    console.say(Text(definition.name, style="bold"), f"{len(split_prompt.stages)} stages")
    for stage in split_prompt.stages:
        length = Text(f"{len(stage.text)} characters", "dim")
        console.say(f"{stage.number}.", stage.name or "(the whole prompt)", length)
    for warning in split_prompt.warnings:
        console.say(Text(warning, style="yellow"))


@templates.command()
def save(
    path: TemplateFile, as_json: AsJson = False, url: Url = None, key: Key = None, data_dir: DataDir = None
) -> None:
    """Save a file as its template's newest version. Needs a key with the scope `templates:write`."""
    body = _read(path).model_dump(mode="json")
    saved = ApiOptions(url, key, None, data_dir).call(lambda api: api.put(api_path("templates", path.stem), body))
    if as_json:
        console.show_json(saved)
    else:
        console.say(console.OK, f"{saved['id']} is at version {saved['version']}.")
        for warning in saved["warnings"]:
            console.say(Text(warning, style="yellow"))


@templates.command()
def estimate(
    template: TemplateId,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A document. It is uploaded, and no job is made.")],
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Say what a document would cost, by its tokens and the model's prices. No model is asked."""

    async def ask(api: ApiClient) -> Document:
        file = await api.upload(path)
        return await api.post(api_path("templates", template, "estimate"), {"file": file["code"]})

    told = ApiOptions(url, key, user, data_dir).call(ask)
    if as_json:
        console.show_json(told)
    else:
        cost = "unknown: the prices are not set" if told["cost"] is None else f"about {money(told['cost'])}"
        tokens = f"{told['tokens_in']:,} in, {told['tokens_out']:,} out, in {told['questions']} answers"
        console.show_pairs([("Cost", cost), ("Tokens", tokens)])


@templates.command("evaluate")
def evaluate_template(
    template: TemplateId,
    folder: Annotated[
        Path | None,
        typer.Argument(help="Documents, each with its known table beside it. Default: the samples that are shipped."),
    ] = None,
    at_once: Annotated[int, typer.Option(min=1, max=64, help="How many documents at a time.")] = 4,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Run documents whose tables are known: accuracy by column, rows missed and invented, cost and time."""

    async def run() -> Exit:
        settings = load_settings(data_dir)
        async with ApiOptions(url, key, user or EVALUATION, data_dir).api() as api:
            chosen = folder or shipped_folder(template)
            told = report(*await evaluate(api, settings, template, chosen, at_once=at_once))
        if not as_json:
            return show(told)
        console.show_json(told)
        return Exit.ERROR if told["failed"] else Exit.SUCCESS

    raise typer.Exit(asyncio.run(run()))


async def _all_templates(api: ApiClient) -> Document:
    """All pages as one."""
    page = await api.get(api_path("templates"), {"limit": PAGE})
    found = page["data"]
    while page["has_more"]:
        page = await api.get(api_path("templates"), {"limit": PAGE, "cursor": page["next_cursor"]})
        found += page["data"]
    return {**page, "data": found}


def _read(path: Path) -> TemplateDefinition:
    try:
        return parse_template(path.stem, path.read_text("utf-8"))
    except OSError as unreadable:
        raise CommandError(f"{path} cannot be read: {unreadable.strerror}.") from unreadable
    except ValueError as invalid:
        raise CommandError(str(invalid)) from invalid
