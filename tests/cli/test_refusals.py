"""Messages and exit codes of commands that fail."""

import json
from pathlib import Path

import pytest
from aijobs_client import ApiError, FieldProblem

from cli.api_client import to_command_error
from cli.commands.submit import assigned, read_params
from cli.embedded.ports import free_port
from cli.errors import CommandError, Exit
from cli.main import COMMANDS, build_cli
from tests.cli.conftest import Command

LIVE_KEY = "aijobs_service_0000000000000000_nothing"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_can_be_assembled_alone(command: str) -> None:
    names = [registered.name for registered in build_cli(command).registered_commands]
    groups = [group.name for group in build_cli(command).registered_groups]

    assert names + groups == [command]


def test_an_unknown_setting_is_named(aijobs: Command, tmp_path: Path) -> None:
    result = aijobs("jobs", AIJOBS_REPLICAT__TOKEN="x")

    assert result.code == Exit.ERROR
    assert "AIJOBS_REPLICAT__TOKEN" in result.err
    assert "Traceback" not in result.err


def test_wrong_settings_are_json_for_programs_too(aijobs: Command, tmp_path: Path) -> None:
    result = aijobs("jobs", "--json", AIJOBS_REPLICAT__TOKEN="x")

    assert "AIJOBS_REPLICAT__TOKEN" in json.loads(result.err)["error"]["message"]


def test_a_period_beyond_the_calendar_is_a_usage_error(aijobs: Command, tmp_path: Path) -> None:
    result = aijobs("audit", "--last", "9999999d")

    assert (result.code, "9999999d" in result.err) == (Exit.USAGE, True)


def test_an_unknown_command_is_a_usage_error(aijobs: Command, tmp_path: Path) -> None:
    result = aijobs("upp")

    assert result.code == Exit.USAGE
    assert "No such command 'upp'" in result.err


def test_without_a_key_nothing_is_asked(aijobs: Command, tmp_path: Path) -> None:
    result = aijobs("jobs")

    assert result.code == Exit.ERROR
    assert f"{tmp_path / 'key'} does not exist" in result.err
    assert "aijobs up" in result.err


def test_an_api_that_is_away_has_an_exit_code_of_its_own(aijobs: Command, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    result = aijobs("jobs", "--url", url, "--key", LIVE_KEY)

    assert result.code == Exit.UNREACHABLE
    assert url in result.err


def test_the_api_and_the_key_may_come_from_the_settings(aijobs: Command, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    result = aijobs("jobs", AIJOBS_CLI__URL=url, AIJOBS_CLI__KEY=LIVE_KEY)

    assert result.code == Exit.UNREACHABLE
    assert url in result.err


def test_a_photo_that_is_not_there_is_refused_before_anything_is_sent(aijobs: Command, tmp_path: Path) -> None:
    result = aijobs("submit", "any_model", "--image", str(tmp_path / "none.jpg"))

    assert result.code == Exit.ERROR
    assert "There is no file" in result.err


def test_a_status_that_does_not_exist_is_a_usage_error(aijobs: Command, tmp_path: Path) -> None:
    result = aijobs("jobs", "--status", "DONE")

    assert result.code == Exit.USAGE
    assert "SUCCESS" in result.err


def test_a_worker_without_temporal_says_so(aijobs: Command, tmp_path: Path) -> None:
    result = aijobs("worker", TEMPORAL_ADDRESS=f"127.0.0.1:{free_port()}")

    assert result.code == Exit.UNREACHABLE
    assert "TEMPORAL_ADDRESS" in result.err


def test_a_data_directory_that_cannot_be_made_is_named(aijobs: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    result = aijobs("up", "--data-dir", str(tmp_path / "file" / "folder"))

    assert result.code == Exit.ERROR
    assert "cannot be written" in result.err


def test_a_temporal_of_ones_own_must_be_there(aijobs: Command, tmp_path: Path) -> None:
    ports = ("--api-port", str(free_port()), "--sandbox-port", str(free_port()))
    result = aijobs("up", *ports, TEMPORAL_ADDRESS=f"127.0.0.1:{free_port()}")

    assert result.code == Exit.UNREACHABLE
    assert "TEMPORAL_ADDRESS" in result.err


def test_a_queue_that_does_not_exist_is_named(aijobs: Command, tmp_path: Path) -> None:
    result = aijobs("worker", "--queues", "aijobs,other")

    assert result.code == Exit.ERROR
    assert "There is no queue other" in result.err


def test_parameters_are_json_where_they_read_as_json(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.touch()

    given = read_params(["factor=4", "model=Standard V2", "face=true", 'text="4"', "none=NaN", f"image=@{photo}"])

    assert given == {"factor": 4, "model": "Standard V2", "face": True, "text": "4", "none": "NaN", "image": photo}


@pytest.mark.parametrize("option", ["--param", "--metadata"])
def test_an_assignment_without_a_value_is_a_usage_error(option: str) -> None:
    with pytest.raises(CommandError, match=f"{option} 'upscale_factor' is not NAME=VALUE") as refused:
        list(assigned(["upscale_factor"], option))

    assert refused.value.code == Exit.USAGE


def test_a_problem_names_each_field() -> None:
    wrong = FieldProblem("/params/upscale_factor", "Input should be 2, 4 or 6")
    problem = ApiError(
        code="invalid_parameters", status=422, detail="Invalid parameters", errors=(wrong,), request_id="req_1"
    )

    refused = to_command_error(problem)

    assert str(refused) == "Invalid parameters"
    assert refused.details == ("/params/upscale_factor: Input should be 2, 4 or 6",)
    assert "req_1" in refused.hint
    assert refused.code == Exit.ERROR


def test_an_answer_that_is_no_problem_document_is_still_told() -> None:
    assert "500" in to_command_error(ApiError(code="", status=500, detail="")).hint
    assert to_command_error(ApiError(code="", status=404, detail="")).code == Exit.NOT_FOUND
    assert to_command_error(ApiError(code="", status=502, detail="")).code == Exit.UNREACHABLE


def test_of_many_wrong_fields_the_first_are_listed_and_the_rest_counted() -> None:
    fields = tuple(FieldProblem(f"/rows/{row}", "is wrong") for row in range(20))
    many = ApiError(code="bad_input", status=422, detail="Wrong.", errors=fields, errors_total=5000)
    few = ApiError(code="bad_input", status=422, detail="Wrong.", errors=fields[:2])

    assert to_command_error(many).details[-2:] == ("/rows/19: is wrong", "and 4980 more")
    assert to_command_error(few).details == ("/rows/0: is wrong", "/rows/1: is wrong")


@pytest.mark.parametrize("command", ["api", "worker"])
def test_files_of_one_host_beside_a_temporal_of_many_are_refused(aijobs: Command, tmp_path: Path, command: str) -> None:
    result = aijobs(command, TEMPORAL_ADDRESS="temporal.internal:7233")

    assert result.code == Exit.ERROR
    assert "AIJOBS_DATABASE_URL" in result.err
    assert "AIJOBS_STORE__URL" in result.err
    assert "AIJOBS_ONE_HOST" in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [("api",), ("worker",), ("up",), ("keys", "create", "ops")])
def test_postgresql_without_a_secret_is_refused(aijobs: Command, tmp_path: Path, command: tuple[str, ...]) -> None:
    result = aijobs(*command, AIJOBS_DATABASE_URL="postgresql://db.internal/aijobs", AIJOBS_STORE__URL="s3://bucket")

    assert result.code == Exit.ERROR
    assert "AIJOBS_SECRET" in result.err
    assert not (tmp_path / "secret").exists()
