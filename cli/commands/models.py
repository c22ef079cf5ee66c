"""`aijobs models`: the models that a job may name, and adding more of a vendor's."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.text import Text

from aijobs.domain.catalogue import ModelTexts
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.values.toml import read_toml
from cli import console
from cli.api_client import ApiClient, Document, api_path
from cli.errors import CommandError
from cli.options import ApiOptions, AsJson, DataDir, Key, Url
from cli.words.model_names import name_in_words

models = typer.Typer(help="The models that a job may name: list, add, remove.", invoke_without_command=True)


@models.callback()
def list_models(
    context: typer.Context, as_json: AsJson = False, url: Url = None, key: Key = None, data_dir: DataDir = None
) -> None:
    """List the models that a job may name; with a command, add one or remove one."""
    if context.invoked_subcommand is not None:
        return
    page = ApiOptions(url, key, None, data_dir).call(lambda api: api.get("/api/models"))
    if as_json:
        console.show_json(page)
    else:
        columns = ("MODEL", "NAME", "VERSION", "PLATFORM", "POINTS", "ASYNC", "CONFIGURED")
        console.show_table(columns, map(_row, page["data"]), right=("POINTS",))


@models.command()
def add(
    source: Annotated[
        str, typer.Argument(metavar="PROVIDER:NAME", help="E.g. replicate:owner/name, or replicate:owner/name:version.")
    ],
    points: Annotated[int, typer.Option(min=0, help="The price of a job.")] = 1,
    name: Annotated[str | None, typer.Option(help="What people see. Default: the vendor's name.")] = None,
    texts: Annotated[
        Path | None,
        typer.Option(
            help="A file of TOML with what people read, by language: model_name, model_desc, parameters.labels, "
            "parameters.descriptions."
        ),
    ] = None,
    output: Annotated[
        OutputKind | None, typer.Option(help="What its results are. Default: as the vendor describes them.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Add a vendor's model. Needs a key with the scope `models:write`.

    Its parameters are read from the vendor once, and kept.
    """
    said = _texts_in(texts) if texts else {}
    body: Document = {**said, "source": source, "unit_point": points, "output_kind": output}
    if name is not None:
        body["model_name"] = name
    added = ApiOptions(url, key, None, data_dir).call(lambda api: api.post("/api/models", body))
    if as_json:
        console.show_json(added)
        return
    console.say(console.OK, f"{added['model_id']} can be used now, at {added['unit_point']} points a job.")
    required = set((added["parameters"] or {}).get("required", []))
    for parameter in (added["parameters"] or {}).get("properties", {}):
        console.say(parameter, Text("required" if parameter in required else "", style="dim"))


@models.command()
def remove(
    model_id: Annotated[str, typer.Argument(metavar="MODEL", help="As `aijobs models` shows it.")],
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Take no new jobs for a model that was added. Needs a key with the scope `models:write`."""

    async def request(api: ApiClient) -> Document:
        await api.delete(api_path("models", model_id))
        return {}

    ApiOptions(url, key, None, data_dir).call(request)
    console.say(console.OK, f"{model_id} is removed. Its jobs that run go on.")


def _texts_in(path: Path) -> Document:
    """Raises CommandError that names what is wrong in the file."""
    try:
        return ModelTexts.model_validate(read_toml(path.read_text("utf-8"))).model_dump(exclude_none=True)
    except ValidationError as invalid:
        wrong = tuple(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in invalid.errors())
        raise CommandError(f"The texts in {path} are wrong.", details=wrong) from None
    except (OSError, ValueError) as unreadable:
        raise CommandError(f"{path} cannot be read: {unreadable}") from unreadable


def _row(model: Document) -> tuple[str | Text, ...]:
    return (
        model["model_id"],
        name_in_words(model),
        model["model_version"],
        model["platform"],
        str(model["unit_point"]),
        "yes" if model["asyn"] else "no",
        console.OK if model.get("configured") else Text("no key", style="dim"),
    )
