"""The `aijobs` command, assembled: each command is in a file of its own."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from getpass import getuser
from importlib import import_module, metadata
from socket import gethostname
from typing import Annotated, Final, NoReturn

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from aijobs.domain.errors import (
    DatabaseUnavailable,
    NamespaceTaken,
    PayloadUnreadable,
    SchemaMismatch,
    TemporalUnavailable,
)
from aijobs.domain.values.audit import SYSTEM, ActorKind, Origin, acting_from
from aijobs.settings import SettingsError
from cli import console
from cli.commands.completion import COMPLETE_VARIABLE, prepare_completion
from cli.errors import NAMESPACE_TAKEN_HINT, CommandError, Exit
from cli.signals import exit_now
from cli.words.wording import translate_help

#: Where each command is, in the order of the help.
COMMANDS: Final[Mapping[str, str]] = {
    "demo": "cli.commands.demo:demo",
    "up": "cli.commands.up:up",
    "submit": "cli.commands.submit:submit",
    "batch": "cli.commands.batch:batch",
    "watch": "cli.commands.watch:watch",
    "jobs": "cli.commands.jobs:jobs",
    "show": "cli.commands.show:show",
    "logs": "cli.commands.logs:logs",
    "download": "cli.commands.jobs:download",
    "open": "cli.commands.jobs:open_page",
    "cancel": "cli.commands.cancel:cancel",
    "rerun": "cli.commands.rerun:rerun",
    "pause": "cli.commands.pauses:pause",
    "resume": "cli.commands.pauses:resume",
    "pauses": "cli.commands.pauses:pauses",
    "resolve": "cli.commands.resolve:resolve",
    "models": "cli.commands.models:models",
    "limits": "cli.commands.limits:limits",
    "points": "cli.commands.points:points",
    "keys": "cli.commands.keys:keys",
    "users": "cli.commands.users:users",
    "audit": "cli.commands.audit:audit",
    "sessions": "cli.commands.sessions:sessions",
    "webhooks": "cli.commands.webhooks:webhooks",
    "provider": "cli.commands.provider:provider",
    "templates": "cli.commands.templates:templates",
    "init": "cli.commands.init:init",
    "backup": "cli.commands.backup:backup",
    "restore": "cli.commands.restore:restore",
    "doctor": "cli.doctor.command:doctor",
    "worker": "cli.commands.serve:worker",
    "replay": "cli.commands.replay:replay",
    "versions": "cli.commands.versions:versions",
    "log-level": "cli.commands.log_level:log_level",
    "api": "cli.commands.serve:api",
    "sandbox": "cli.commands.sandbox:sandbox",
    "completion": "cli.commands.completion:completion",
}

#: Commands that are processes of the installation: what they do is not done by whoever has started them.
SERVICES: Final = frozenset({"demo", "up", "worker", "api", "sandbox"})

VERSION: Final = "--version"


def main() -> NoReturn:
    exit_now(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name. Returns its exit code."""
    as_json = "--json" in arguments
    try:
        with acting_from(_origin(arguments)):
            command = get_command(_cli_for(arguments))
            translate_help(command)
            ended = command.main(arguments, prog_name="aijobs", standalone_mode=False)
            return ended if isinstance(ended, int) else Exit.SUCCESS
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else Exit.ERROR
    except TyperException as misused:
        return _show_misuse(misused, as_json=as_json)
    except CommandError as error:
        console.show_error(error, as_json=as_json)
        return error.code
    except SettingsError as error:
        console.show_error(CommandError(str(error), hint="`aijobs doctor` checks every setting."), as_json=as_json)
        return Exit.ERROR
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except Exception as failure:
        command_error = _as_command_error(failure)
        if command_error is None:
            raise
        console.show_error(command_error, as_json=as_json)
        return command_error.code


def _show_misuse(misused: TyperException, *, as_json: bool) -> int:
    """An option, argument or command that is written wrongly. Without a message, the help was shown instead."""
    if message := str(getattr(misused, "format_message", misused.__str__)()).strip():
        console.show_error(CommandError(message, hint="aijobs --help", code=Exit.USAGE), as_json=as_json)
    return Exit.USAGE


def _origin(arguments: Sequence[str]) -> Origin:
    """For the audit log: the account of the operating system that runs the command."""
    if not arguments or arguments[0] in SERVICES:
        return SYSTEM
    return Origin(kind=ActorKind.COMMAND_LINE, actor=f"{_account()}@{gethostname()}")


def _account() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # as in a container whose user has no name
        return str(os.getuid())


def _as_command_error(failure: Exception) -> CommandError | None:
    """An error that the user can act on; None for a bug, whose traceback is to be shown."""
    if isinstance(failure, SchemaMismatch):
        return CommandError(str(failure), hint="It is never migrated by a part that starts: see docs/postgresql.md.")
    if isinstance(failure, DatabaseUnavailable):
        return CommandError(
            str(failure), hint="Is its disk full, and may this user write to it? `aijobs doctor` looks."
        )
    if isinstance(failure, PayloadUnreadable):
        return CommandError(str(failure), hint="Every process needs all keys that were ever the first.")
    if isinstance(failure, NamespaceTaken):
        return CommandError(str(failure), hint=NAMESPACE_TAKEN_HINT)
    if isinstance(failure, TemporalUnavailable):
        return CommandError(str(failure), hint="`aijobs doctor` looks.", code=Exit.UNREACHABLE)
    if type(failure).__module__ == "temporalio.service":
        hint = "Is TEMPORAL_ADDRESS right, and TEMPORAL_NAMESPACE? `aijobs doctor` looks."
        return CommandError(f"Temporal does not do what it is asked to: {failure}", hint=hint, code=Exit.UNREACHABLE)
    return None


def _cli_for(arguments: Sequence[str]) -> typer.Typer:
    """What the arguments need of it; when a shell asks for completions, what the words written so far need."""
    if COMPLETE_VARIABLE not in os.environ:
        return build_cli(arguments[0] if arguments else "")
    prepare_completion()
    words = re.split(r"\s+", os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", ""))
    return build_cli(words[1]) if len(words) > 2 and words[1] in COMMANDS else _only_names()


def _only_names() -> typer.Typer:
    """All commands without what they do: a shell does not wait for all of their modules."""
    app = typer.Typer(add_completion=False)
    for name in COMMANDS:
        app.command(name, help=" ")(_nothing)
    return app


def _nothing() -> None:
    """Stands for a command that is only named."""


def build_cli(name: str) -> typer.Typer:
    """Only the named command, since loading the others' modules takes time; all commands for the help."""
    names = [name] if name in COMMANDS else [] if name == VERSION else COMMANDS
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback()(_root)
    for command_name in names:
        module, _, attribute = COMMANDS[command_name].partition(":")
        command = getattr(import_module(module), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=command_name)
        else:
            app.command(command_name)(command)
    return app


def _show_version(requested: bool) -> None:
    if requested:
        console.say(f"aijobs {metadata.version('aijobs')}", indent=0)
        raise typer.Exit


def _root(
    _version: Annotated[
        bool, typer.Option(VERSION, callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """One API in front of the world's generative-AI services: each job a durable Temporal workflow."""


if __name__ == "__main__":
    main()
