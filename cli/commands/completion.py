"""`aijobs completion`: what a shell needs to complete commands, options, job codes, models and statuses."""

from enum import StrEnum
from typing import Annotated, Final

import typer
from typer.completion import completion_init, get_completion_script  # type: ignore[attr-defined]

COMPLETE_VARIABLE: Final = "_AIJOBS_COMPLETE"  #: set by a shell that asks for completions


class Shell(StrEnum):
    """Shells that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="The shell that is to complete.")]) -> None:
    """Print the completion of a shell. Put one of these into its start file.

    ~/.bashrc: eval "$(aijobs completion bash)"

    ~/.zshrc, behind compinit: eval "$(aijobs completion zsh)"

    ~/.config/fish/config.fish: aijobs completion fish | source
    """
    prepare_completion()
    script = get_completion_script(prog_name="aijobs", complete_var=COMPLETE_VARIABLE, shell=shell.value)
    typer.echo(script)


def prepare_completion() -> None:
    """Teaches the parser of arguments how the shells ask."""
    completion_init()
