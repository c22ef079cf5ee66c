"""`aijobs submit`: submit a job."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from aijobs_client.operations import upload_key
from rich.text import Text

from aijobs.domain.lifecycle import JobStatus
from cli import console
from cli.api_client import ApiClient, Document
from cli.commands.jobs import show_saved
from cli.commands.watch import follow_and_show
from cli.errors import CommandError, Exit
from cli.options import (
    ApiOptions,
    AsJson,
    DataDir,
    ExpiresAt,
    Key,
    Priority,
    StartAt,
    Url,
    User,
    complete_models,
    moment,
)
from cli.words.model_names import model_name
from cli.words.suggestions import with_suggestions

FILE_MARK: Final = "@"
URL_OR_FILE_CODE: Final = ("http://", "https://", "file_")

Params = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        "-p",
        metavar="NAME=VALUE",
        help="A parameter; JSON where it reads as JSON, else text. NAME=@PATH uploads a file. Repeatable.",
    ),
]
Metadata = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata",
        "-m",
        metavar="KEY=VALUE",
        help="Kept with the job and sent in webhooks; `jobs` finds it. sandbox=FAULT tries a fault. Repeatable.",
    ),
]
CallbackUrl = Annotated[str | None, typer.Option(metavar="URL", help="Told of the end by a signed message.")]


def submit(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model_id of `aijobs models`.", autocompletion=complete_models)
    ],
    param: Params = None,
    image: Annotated[
        str | None, typer.Option(metavar="PATH|URL", help="The parameter `image`: a file here, or a link.")
    ] = None,
    metadata: Metadata = None,
    callback_url: CallbackUrl = None,
    output_count: Annotated[int, typer.Option(help="How many outputs.")] = 1,
    action: Annotated[
        str | None,
        typer.Option(help="What to do with a finished job, which the parameter `origin` names: upsample1, …"),
    ] = None,
    priority: Priority = None,
    start_at: StartAt = None,
    expires_at: ExpiresAt = None,
    user: User = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key and job again: the first answer again, no second job.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow it to its end, as `aijobs watch` does.")] = False,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Follow it to its end, and save its outputs there.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Submit a job and print its code. Local files are uploaded first."""
    given = read_params(param or ())
    if image is not None:
        given["image"] = image if image.startswith(URL_OR_FILE_CODE) else _file(image)
    head: Document = {"model_id": model, "output_count": output_count, "action": action, "user_id": user}
    head |= {"priority": priority, "start_at": moment(start_at), "expires_at": moment(expires_at)}
    head |= {"metadata": dict(assigned(metadata or (), "--metadata")), "callback_url": callback_url}
    sent = _Order(
        {name: value for name, value in head.items() if value not in (None, {})},
        given,
        idempotency_key,
        watch or output is not None,
    )
    raise typer.Exit(asyncio.run(_submit(ApiOptions(url, key, user, data_dir), sent, output, as_json=as_json)))


@dataclass(frozen=True)
class _Order:
    """A job to submit. `given` are its parameters, with the files that are uploaded first."""

    head: Document
    given: dict[str, Any]
    idempotency_key: str | None
    will_follow: bool


async def _submit(options: ApiOptions, order: _Order, output: Path | None, *, as_json: bool) -> Exit:
    async with options.api() as api:
        params = {name: await _uploaded(api, name, value, order) for name, value in order.given.items()}
        job = await _posted(api, {**order.head, "params": params}, order.idempotency_key)
        await _show_accepted(api, job, as_json=as_json, will_follow=order.will_follow)
        ended = await follow_and_show(api, job["code"], as_json=as_json) if order.will_follow else Exit.SUCCESS
        if output is not None and ended is Exit.SUCCESS:
            saved = await api.download(job["code"], output)
            if not as_json:
                show_saved(saved)
        return ended


async def _posted(api: ApiClient, body: Document, idempotency_key: str | None) -> Document:
    """The accepted job. What is refused for a misspelt model or parameter says what may have been meant."""
    try:
        return await api.post("/api/jobs", body, idempotency_key=idempotency_key)
    except CommandError as refused:
        raise await with_suggestions(api, refused, body) from refused


def read_params(assignments: Iterable[str]) -> dict[str, Any]:
    """`["upscale_factor=4", "image=@a.jpg"]` as `{"upscale_factor": 4, "image": Path("a.jpg")}`."""
    return {name: _value(value) for name, value in assigned(assignments, "--param")}


def assigned(assignments: Iterable[str], option: str) -> Iterator[tuple[str, str]]:
    """Names and values of `NAME=VALUE`. Raises CommandError for anything else, which names the option."""
    for assignment in assignments:
        name, sign, value = assignment.partition("=")
        if not sign or not name:
            raise CommandError(f"{option} {assignment!r} is not NAME=VALUE.", code=Exit.USAGE)
        yield name, value


def _value(text: str) -> Any:
    if text.startswith(FILE_MARK):
        return _file(text.removeprefix(FILE_MARK))
    try:
        return json.loads(text, parse_constant=str)
    except ValueError:
        return text


def _file(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_file():
        raise CommandError(f"There is no file {path}.")
    return path


async def _uploaded(api: ApiClient, name: str, value: Any, order: _Order) -> Any:
    """The code of an uploaded file, which a parameter may name; any other value as it is."""
    if not isinstance(value, Path):
        return value
    return (await api.upload(value, idempotency_key=upload_key(order.idempotency_key, name)))["code"]


async def _show_accepted(api: ApiClient, job: Document, *, as_json: bool, will_follow: bool) -> None:
    if as_json:
        console.show_json(job)
    elif will_follow:
        console.say(Text(job["code"], style="bold"), await model_name(api, job))
        console.say("")
    elif console.OUT.is_terminal:
        console.say(Text(job["code"], style="bold"), console.status_text(JobStatus(job["job_status"])))
        console.say(Text(f"aijobs watch {job['code']}", style="dim"))
    else:
        console.say(job["code"], indent=0)
