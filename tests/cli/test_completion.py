"""Completion in shells: by a real bash, and by what zsh and fish ask."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

import pytest

from cli.main import COMMANDS
from tests.api.installation import UPSCALE, ApiUnderTest
from tests.cli.command import aijobs_process, environment

#: Loads the completion, asks it for the words in the arguments, and prints what it offers.
BASH: Final = """
eval "$(aijobs completion bash)"
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_aijobs_completion aijobs
printf '%s\\n' "${COMPREPLY[@]}"
"""


async def completed(folder: Path, *words: str) -> list[str]:
    """What bash offers for the last word."""
    command = folder / "bin" / "aijobs"
    if not command.exists():
        command.parent.mkdir()
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m cli.main "$@"\n')
        command.chmod(0o755)
    variables = environment(folder)
    process = await asyncio.create_subprocess_exec(
        *("bash", "--norc", "-c", BASH, "bash", "aijobs", *words),
        env={**variables, "PATH": f"{command.parent}{os.pathsep}{variables['PATH']}"},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return out.decode().split()


async def test_commands_and_their_parts_are_completed(tmp_path: Path) -> None:
    assert await completed(tmp_path, "") == list(COMMANDS)
    assert await completed(tmp_path, "pau") == ["pause", "pauses"]
    assert await completed(tmp_path, "webhooks", "re") == ["resume", "replay"]
    assert "--follow" in await completed(tmp_path, "logs", "--f")


async def test_statuses_are_completed_in_small_letters_too(tmp_path: Path) -> None:
    assert await completed(tmp_path, "jobs", "--status", "PR") == ["PROCESSING"]
    assert await completed(tmp_path, "jobs", "--status", "pr") == ["processing"]


async def test_codes_and_models_are_asked_of_the_api(api: ApiUnderTest, tmp_path: Path) -> None:
    codes = {await api.job() for _ in range(2)}
    url = ("--url", api.url)

    assert set(await completed(tmp_path, "watch", *url, "job_")) == codes
    assert await completed(tmp_path, "show", *url, next(iter(codes))) == [next(iter(codes))]
    assert UPSCALE in await completed(tmp_path, "submit", *url, "replicate_")
    assert await completed(tmp_path, "show", *url, "job_nothing") == []


async def test_an_api_that_is_away_completes_nothing(tmp_path: Path) -> None:
    assert await completed(tmp_path, "show", "job_") == []


@pytest.mark.parametrize(("shell", "variables"), [("zsh", {}), ("fish", {"_TYPER_COMPLETE_FISH_ACTION": "get-args"})])
async def test_other_shells_get_the_same(tmp_path: Path, shell: str, variables: dict[str, str]) -> None:
    script = await aijobs_process("completion", shell, folder=tmp_path)
    asked = {"_AIJOBS_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": "aijobs webhooks rot", **variables}
    answer = await aijobs_process(folder=tmp_path, **asked)

    assert f"_AIJOBS_COMPLETE=complete_{shell}" in script.out
    assert "rotate" in answer.out
    assert "replay" not in answer.out
