"""An installation with keys for its payloads: Temporal keeps ciphertext, and its command line reads it through us."""

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from cli.embedded.temporal_server import temporal_binary
from tests.stories.stack import StoryStack, running_stack
from tests.stories.test_words_stay_out import history_of

KEYS: Final = f"k2:{base64.b64encode(os.urandom(32)).decode()},k1:{base64.b64encode(os.urandom(32)).decode()}"


@pytest.fixture(scope="module")
async def encrypted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoryStack]:
    folder = tmp_path_factory.mktemp("encrypted")
    (folder / "payload_keys").write_text(f"{KEYS}\n")
    settings = {"AIJOBS_PAYLOADS__KEYS_FILE": str(folder / "payload_keys")}
    async with running_stack(folder, settings=settings) as stack:
        yield stack


async def shown(stack: StoryStack, code: str, *options: str) -> Any:
    """What `temporal workflow show` prints of a workflow, as JSON."""
    words = ("workflow", "show", "-w", code, "--output", "json", "--address", stack.temporal.address, *options)
    process = await asyncio.create_subprocess_exec(
        temporal_binary(), *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    return json.loads(out)


def payloads_in(value: Any) -> list[bytes]:
    """The data of every payload, in order."""
    match value:
        case {"metadata": dict(), "data": str(data)}:
            return [base64.b64decode(data)]
        case dict():
            return [data for part in value.values() for data in payloads_in(part)]
        case list():
            return [data for part in value for data in payloads_in(part)]
    return []


async def test_temporals_command_line_reads_what_is_encrypted_through_our_codec(encrypted: StoryStack) -> None:
    code = await encrypted.submit()
    assert (await encrypted.statuses(code))[-1] == "SUCCESS"
    endpoint = f"{str(encrypted.api.base_url).rstrip('/')}/codec"
    auth = encrypted.api.headers["Authorization"]

    sealed = await shown(encrypted, code)
    opened = await shown(encrypted, code, "--codec-endpoint", endpoint, "--codec-auth", auth)

    assert [data for data in payloads_in(sealed) if b"deadlines" in data] == []
    assert [data for data in payloads_in(opened) if b'"deadlines"' in data] != []
    assert len(payloads_in(opened)) == len(payloads_in(sealed))
    assert b"deadlines" not in await history_of(await encrypted.temporal_client(), code)


async def test_an_operators_unencrypted_words_are_understood(encrypted: StoryStack) -> None:
    encrypted.sandbox.misbehave("never_finishes")
    code = await encrypted.submit()
    words = ("workflow", "signal", "-w", code, "--name", "cancel", "--input", '"by an operator"')
    process = await asyncio.create_subprocess_exec(
        temporal_binary(), *words, "--address", encrypted.temporal.address, stdout=asyncio.subprocess.DEVNULL
    )

    assert await process.wait() == 0
    assert (await encrypted.statuses(code))[-1] == "CANCELED"
    assert (await encrypted.job(code))["error"]["message"] == "by an operator"


async def test_a_history_is_replayed_with_the_key_and_not_without(encrypted: StoryStack, tmp_path: Path) -> None:
    code = await encrypted.submit()
    assert (await encrypted.statuses(code))[-1] == "SUCCESS"
    await history_of(await encrypted.temporal_client(), code)  # once it has closed
    (tmp_path / "history.json").write_text(json.dumps(await shown(encrypted, code)))

    replayed, _ = await aijobs(encrypted.environment, "replay", str(tmp_path / "history.json"))
    without, said = await aijobs(without_keys(encrypted), "replay", str(tmp_path / "history.json"))

    assert (replayed, without) == (0, 1)
    assert "encrypted with the key k2" in said


def without_keys(stack: StoryStack) -> dict[str, str]:
    return {name: value for name, value in stack.environment.items() if "PAYLOADS" not in name}


async def aijobs(environment: dict[str, str], *words: str) -> tuple[int | None, str]:
    """The exit code of a command, and what it says, on one line."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", *words),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode, " ".join(out.decode().split())


async def test_the_doctor_names_a_key_that_is_missing(encrypted: StoryStack) -> None:
    _, said = await aijobs(without_keys(encrypted), "doctor")

    assert "encrypted with the key k2" in said
