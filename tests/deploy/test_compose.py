"""The Compose files, read by the real Compose: services are confined, bounded and watched, and secrets are files."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import trustme

from aijobs.settings import PREFIX, Settings

ROOT: Final = Path(__file__).parents[2]
PROGRAMS: Final = Path(sys.executable).parent
TIMEOUT: Final = 60

COMPANY, SINGLE = "docker-compose.yml", "deploy/compose.single.yml"
FILES: Final = (COMPANY, SINGLE)
DOCKERFILES: Final = ("deploy/Dockerfile", "deploy/s3/Dockerfile")

#: Services that end when their work is done.
JOBS: Final = frozenset({"init", "temporal-schema"})
ROLES: Final = ("workflows", "providers", "migration", "webhooks")

#: Names of variables that hold a secret, where no file does.
SECRET_WORDS: Final = ("SECRET", "TOKEN", "PASSWORD", "PWD", "SECRET_KEY", "API_KEY", "DATABASE_URL")


def compose(file: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAMS / "docker-compose", "--file", file, "config", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **variables},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )


@cache
def services(file: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = document(file)["services"]
    return found


@cache
def document(file: str) -> Any:
    result = compose(file, "--format", "json", AIJOBS_PUBLIC_URL="https://jobs.example.com")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def each_service() -> Iterator[tuple[str, str]]:
    for file in FILES:
        yield from ((file, name) for name in services(file))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if {"file", "service"} <= set(metafunc.fixturenames):
        metafunc.parametrize(("file", "service"), list(each_service()))


def test_a_service_is_confined(file: str, service: str) -> None:
    settings = services(file)[service]

    assert settings["read_only"] is True
    assert settings["cap_drop"] == ["ALL"]
    assert "cap_add" not in settings
    assert "privileged" not in settings
    assert settings["security_opt"] == ["no-new-privileges:true"]
    user = settings.get("user", "")
    assert user not in {"root", "0", "0:0"}
    assert user or settings["build"]["dockerfile"] in DOCKERFILES  # which end with a USER of their own
    assert settings.get("network_mode") != "host"


def test_a_service_is_bounded(file: str, service: str) -> None:
    settings = services(file)[service]

    assert int(settings["mem_limit"]) > 0
    assert float(settings["cpus"]) > 0
    assert int(settings["pids_limit"]) > 0
    assert settings["logging"]["options"]["max-size"]


def test_a_service_is_watched_or_ends(file: str, service: str) -> None:
    settings = services(file)[service]

    if service in JOBS:
        assert settings["restart"].startswith("on-failure")
        assert settings["healthcheck"] == {"disable": True}
    else:
        assert settings["restart"] == "unless-stopped"
        assert settings["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
        assert settings["healthcheck"]["timeout"]


def test_secrets_are_files_that_git_and_images_never_see(file: str, service: str) -> None:
    settings = services(file)[service]
    environment = settings.get("environment", {})

    assert "env_file" not in settings
    assert [name for name in environment if name.endswith(SECRET_WORDS)] == []
    for name, value in environment.items():
        if name.endswith("_FILE") and str(value).startswith("/run/secrets/"):
            assert value.removeprefix("/run/secrets/") in {secret["source"] for secret in settings["secrets"]}
    for secret in document(file)["secrets"].values():
        assert Path(secret["file"]).parent == ROOT / "deploy" / "secrets"


def test_our_settings_are_known(file: str, service: str) -> None:
    environment = services(file)[service].get("environment", {})

    Settings.load({name: value for name, value in environment.items() if name.startswith(PREFIX)})


def test_what_a_service_reads_from_here_exists_and_stays_as_it_is(file: str, service: str) -> None:
    for volume in services(file)[service].get("volumes", ()):
        if volume["type"] == "bind":
            assert Path(volume["source"]).exists()
            assert volume["read_only"] is True


def test_a_process_has_the_time_that_it_takes_to_stop(file: str, service: str) -> None:
    command = services(file)[service].get("command") or []
    if command[:1] != ["aijobs"] or service in JOBS:
        return
    seconds = int(services(file)[service]["stop_grace_period"].removesuffix("s"))

    assert seconds >= (23 if command[1] == "worker" else 15)


def test_a_company_has_two_apis_a_worker_for_each_role_and_databases_apart() -> None:
    commands = {name: service.get("command") or [] for name, service in services(COMPANY).items()}

    assert [name for name, command in commands.items() if command == ["aijobs", "api"]] == ["api-1", "api-2"]
    assert sorted(command[3] for command in commands.values() if command[:2] == ["aijobs", "worker"]) == sorted(ROLES)
    assert services(COMPANY)["temporal"]["environment"]["POSTGRES_SEEDS"] == "temporal-postgres"
    assert document(COMPANY)["networks"]["back"]["internal"] is True
    assert {name for name, service in services(COMPANY).items() if service.get("ports")} == {"proxy", "temporal-ui"}
    for name, command in commands.items():
        if command[:1] == ["aijobs"] and name != "init":
            assert services(COMPANY)[name]["depends_on"]["init"]["condition"] == "service_completed_successfully"


def test_only_the_proxy_is_reached_from_other_machines() -> None:
    for file in FILES:
        for name, service in services(file).items():
            for port in service.get("ports", ()):
                assert name == "proxy" or port["host_ip"] == "127.0.0.1"


@pytest.mark.parametrize("file", FILES)
def test_what_must_be_given_is_named(file: str) -> None:
    result = compose(file, "--quiet")

    assert result.returncode != 0
    assert "AIJOBS_PUBLIC_URL" in result.stderr


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_dockerfiles_have_no_known_fault(dockerfile: str) -> None:
    result = subprocess.run(
        [PROGRAMS / "hadolint", dockerfile], cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT
    )

    assert (result.returncode, result.stdout) == (0, "")
    users = [line.split()[1] for line in (ROOT / dockerfile).read_text("utf-8").splitlines() if line.startswith("USER")]
    assert users[-1].isdecimal()
    assert users[-1] != "0"


def test_secrets_are_made_once(tmp_path: Path) -> None:
    script = shutil.copy(ROOT / "deploy" / "make_secrets.sh", tmp_path)

    def make() -> dict[str, str]:
        subprocess.run(["sh", script], check=True, capture_output=True, timeout=TIMEOUT)
        return {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}

    first = make()
    named = {Path(secret["file"]).name for file in FILES for secret in document(file)["secrets"].values()}

    assert named - {"tls.pem"} == set(first)
    assert len({first[name] for name in ("aijobs_secret", "postgres_password", "s3_secret_key")}) == 3
    assert first["postgres_password"] in first["database_url"]
    assert first["replicate_token"] == ""
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    assert make() == first


def test_scripts_can_be_read_by_a_shell() -> None:
    for script in (ROOT / "deploy").rglob("*.sh"):
        subprocess.run(["sh", "-n", script], check=True, timeout=TIMEOUT)


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed: its configuration is not read")
def test_the_proxy_understands_its_configuration(tmp_path: Path) -> None:
    certificate = tmp_path / "tls.pem"
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    written = (ROOT / "deploy" / "proxy" / "haproxy.cfg").read_text("utf-8")
    (tmp_path / "haproxy.cfg").write_text(written.replace("/run/secrets/tls.pem", str(certificate)))

    result = subprocess.run(
        ["haproxy", "-c", "-f", tmp_path / "haproxy.cfg"], capture_output=True, text=True, timeout=TIMEOUT
    )

    assert result.returncode == 0, result.stderr
