"""`aijobs models`: the models that a job may name, and adding more of a vendor's."""

from typing import Annotated

import typer
from rich.text import Text

from aijobs.domain.jobs.outputs import OutputKind
from cli import console
from cli.api_client import ApiClient, Document
from cli.options import ApiOptions, AsJson, DataDir, Key, Url

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
    body: Document = {"source": source, "unit_point": points, "model_name": name, "output_kind": output}
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
        await api.delete(f"/api/models/{model_id}")
        return {}

    ApiOptions(url, key, None, data_dir).call(request)
    console.say(console.OK, f"{model_id} is removed. Its jobs that run go on.")


def _row(model: Document) -> tuple[str | Text, ...]:
    return (
        model["model_id"],
        model["model_name"],
        model["model_version"],
        model["platform"],
        str(model["unit_point"]),
        "yes" if model["asyn"] else "no",
        console.OK if model.get("configured") else Text("no key", style="dim"),
    )
