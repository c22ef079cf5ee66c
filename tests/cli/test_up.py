"""A whole installation, as users run it. The tests share one `aijobs up`, which the last one stops and starts again."""

import base64
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from aijobs.domain.lifecycle import ORDER
from aijobs.settings import GivenSettings
from cli.commands.up import first_command
from cli.embedded.installation import LOCK_FILE
from cli.embedded.ports import free_ports
from cli.errors import Exit
from cli.options import KEY_FILE, URL_FILE
from tests.cli.command import ROOT, RunningCommand, aijobs_process, all_processes_end, pid_of, processes_of, running
from tests.cli.conftest import Command

UPSCALE = "replicate_imageupscale_v1"
PHOTO = str(ROOT / "cli" / "samples" / "sample.jpg")
EVERY_STATUS = [status.name for status in ORDER]
RUNS = {"temporal": "server start-dev", "sandbox": "cli.main sandbox"}
PAYLOAD_KEY = base64.b64encode(b"kept-from-programs".ljust(32)).decode()
PAYLOADS = {"AIJOBS_PAYLOADS__KEYS": f"k1:{PAYLOAD_KEY}"}
READY = "Ctrl-C stops everything"


@pytest.mark.parametrize(("provider", "is_suggested"), [("fal", False), ("replicate", True)])
def test_a_model_is_suggested_where_its_provider_has_a_key(provider: str, *, is_suggested: bool) -> None:
    sections: dict[str, Any] = {provider: {"token": "a-key"}}

    assert (UPSCALE in first_command(GivenSettings(**sections))) == is_suggested


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up")


@pytest.fixture(scope="module")
def ports() -> list[str]:
    options = ("--api-port", "--temporal-port", "--ui-port", "--sandbox-port")
    return [word for option, port in zip(options, free_ports(4), strict=True) for word in (option, str(port))]


@pytest_asyncio.fixture(scope="module")
async def up(folder: Path, ports: list[str]) -> AsyncIterator[RunningCommand]:
    secrets = {"AWS_SECRET_ACCESS_KEY": "kept-from-programs", "SOME_API_TOKEN": "kept-from-programs"}
    async with running("up", *ports, folder=folder, **PAYLOADS, **secrets) as installation:
        await installation.wait_for_output(READY)
        yield installation


@pytest.fixture
def command_on_up(aijobs: Command, up: RunningCommand, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs commands on the installation that `aijobs up` runs, as in a second terminal."""
    monkeypatch.setenv("AIJOBS_DATA_DIR", str(folder))
    return aijobs


def statuses(events: list[dict[str, Any]]) -> list[str]:
    return [event["job_status_name"] for event in events if event["kind"] == "status"]


def test_it_says_where_everything_is(up: RunningCommand, ports: list[str], folder: Path) -> None:
    assert all(port in up.output for port in ports[1::2])
    assert str(folder / KEY_FILE) in up.output
    assert (folder / KEY_FILE).stat().st_mode & 0o077 == 0


def test_what_it_keeps_is_for_its_own_user_alone(up: RunningCommand, folder: Path) -> None:
    open_to_others = [
        str(path) for path in (folder, *folder.rglob("*")) if not path.is_socket() and path.lstat().st_mode & 0o077
    ]

    assert open_to_others == []


@pytest.mark.parametrize("name", ["temporal", "sandbox"])
def test_no_secret_reaches_a_program_that_needs_none(up: RunningCommand, folder: Path, name: str) -> None:
    (pid,) = (pid for pid, line in processes_of(folder).items() if RUNS[name] in line)
    environ = (Path("/proc") / str(pid) / "environ").read_bytes().decode()

    assert "PATH=" in environ
    assert "kept-from-programs" not in environ
    assert PAYLOAD_KEY not in environ
    assert "TOKEN" not in environ


def test_no_process_shows_a_secret_in_its_command_line(up: RunningCommand, ports: list[str], folder: Path) -> None:
    lines = "\n".join(processes_of(folder).values())

    assert f"--ui-codec-endpoint http://127.0.0.1:{ports[1]}/codec" in lines
    assert [
        secret for secret in ("kept-from-programs", PAYLOAD_KEY, (folder / KEY_FILE).read_text()) if secret in lines
    ] == []


def test_outputs_are_saved_when_a_job_has_ended_and_later(command_on_up: Command, tmp_path: Path) -> None:
    submitted = command_on_up("submit", UPSCALE, "--image", PHOTO, "--output", str(tmp_path / "now"), "--json")
    code = submitted.lines[0]["code"]
    later = command_on_up("download", code, str(tmp_path / "later"))

    assert (submitted.code, later.code) == (Exit.SUCCESS, Exit.SUCCESS), submitted.err + later.err
    (now,), (again,) = list((tmp_path / "now").iterdir()), list((tmp_path / "later").iterdir())
    assert now.read_bytes() == again.read_bytes() != b""


async def test_a_watch_sees_every_event_once_though_api_and_worker_die(up: RunningCommand, folder: Path) -> None:
    async with running("submit", UPSCALE, "--image", PHOTO, "--watch", "--json", folder=folder) as watch:
        await watch.wait_for_output('"kind": "progress"')

        os.kill(pid_of("api", folder=folder), signal.SIGKILL)
        os.kill(pid_of("worker", folder=folder), signal.SIGKILL)
        result = await watch.result()

    job, *events = result.lines
    assert result.code == Exit.SUCCESS
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert statuses(events)[-1] == "SUCCESS"
    assert {event["code"] for event in events} == {job["code"]}
    await up.wait_for_output("Worker was ended by signal 9. It starts again")
    await up.wait_for_output("API was ended by signal 9. It starts again")

    shown = (await aijobs_process("show", job["code"], "--exchange", "--json", folder=folder)).document
    assert shown["req_json"]["method"] == "POST"
    assert (shown["outputs"][0]["width"], shown["outputs"][0]["height"]) == (1280, 854)


def test_a_job_can_be_listed_shown_and_canceled_but_not_twice(command_on_up: Command) -> None:
    ada = ("--user", "ada")
    code = command_on_up("submit", UPSCALE, "--image", PHOTO, *ada).out.strip()

    points = command_on_up("points", *ada, "--json").document
    canceled = command_on_up("cancel", code, "--reason", "changed my mind", *ada)
    watched = command_on_up("watch", code, *ada, "--json")
    listed = command_on_up("jobs", "--status", "canceled", *ada, "--json").document["data"]
    again = command_on_up("cancel", code, *ada)

    assert points["used"] == 2
    assert canceled.code == Exit.SUCCESS
    assert watched.code == Exit.CANCELED
    assert statuses(watched.lines)[-1] == "CANCELED"
    assert [job["code"] for job in listed] == [code]
    assert "Canceled" in command_on_up("show", code, *ada).out
    assert code in command_on_up("jobs", *ada).out
    assert "CANCELED" in again.err
    assert again.code == Exit.ERROR


def test_models_and_points_are_shown(command_on_up: Command) -> None:
    models = command_on_up("models", "--json").document["data"]

    assert UPSCALE in {model["model_id"] for model in models}
    assert UPSCALE in command_on_up("models").out
    assert "remaining   100" in command_on_up("points", "--user", "grace").out


def test_wrong_parameters_are_named_one_by_one(command_on_up: Command) -> None:
    result = command_on_up("submit", UPSCALE, "--param", "upscale_factor=3", "--param", "colour=blue")

    assert result.code == Exit.ERROR
    assert "-p upscale_factor=…: Input should be 2, 4 or 6" in result.err
    assert "-p colour=…: " in result.err
    assert "--image: " in result.err


def test_an_unknown_job_has_an_exit_code_of_its_own(command_on_up: Command) -> None:
    assert command_on_up("watch", "job_00000000000000000000000000").code == Exit.NOT_FOUND
    assert command_on_up("show", "job_00000000000000000000000000").code == Exit.NOT_FOUND


def test_the_same_idempotency_key_is_the_same_job(command_on_up: Command) -> None:
    order = ("submit", UPSCALE, "--param", "image=https://example.com/a.jpg", "--idempotency-key", "order 7")

    first, second = command_on_up(*order), command_on_up(*order)

    assert first.out == second.out
    command_on_up("cancel", first.out.strip())


def test_the_doctor_finds_it_healthy(command_on_up: Command) -> None:
    """Those that run; of those that were killed before it is in doubt, once they have not been seen for long enough."""
    found: dict[str, list[str]] = {}
    for finding in command_on_up("doctor", "--json", **PAYLOADS).document["findings"]:
        found.setdefault(finding["part"], []).append(finding["health"])

    assert found["Database"] == found["Store"] == found["Key"] == found["API"] == ["ok"]
    assert found["Temporal"] == found["Workers"] == ["ok"]
    assert found["Processes"] == ["ok"] + ["doubt"] * (len(found["Processes"]) - 1)


def test_a_second_one_in_the_same_folder_is_refused(command_on_up: Command, folder: Path) -> None:
    result = command_on_up("up")

    assert result.code == Exit.ERROR
    assert f"Another aijobs runs in {folder}" in result.err


def test_a_port_in_use_is_named_with_its_option(aijobs: Command, up: RunningCommand, ports: list[str]) -> None:
    result = aijobs("up", *ports)

    assert result.code == Exit.ERROR
    assert f"Port {ports[1]} is already in use" in result.err
    assert "--api-port" in result.err


async def test_ctrl_c_leaves_nothing_running_and_the_next_start_continues_every_job(
    up: RunningCommand, folder: Path, ports: list[str]
) -> None:
    submitted = await aijobs_process("submit", UPSCALE, "--image", PHOTO, folder=folder)
    code = submitted.out.strip()

    result = await up.interrupt()

    assert result.code == Exit.SUCCESS
    assert "Unfinished jobs continue" in result.out
    assert processes_of(folder) == {}
    assert not (folder / URL_FILE).exists()

    async with running("up", *ports, folder=folder, **PAYLOADS) as again:
        await again.wait_for_output(READY)
        watched = await aijobs_process("watch", code, "--json", folder=folder)

        again.terminate()
        stopped = await again.result()

    assert watched.code == Exit.SUCCESS
    assert statuses(watched.lines)[-1] == "SUCCESS"
    assert stopped.code == Exit.SUCCESS
    assert await all_processes_end(folder)
    assert (folder / LOCK_FILE).exists()
