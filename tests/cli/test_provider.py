"""`aijobs provider`: what is wrong in a file, which promises are kept, and one real job on the sandbox."""

import asyncio
from pathlib import Path

import pytest

from aijobs.providers.conformance.checks import CHECKS
from sandbox.config import Pace, SandboxConfig
from sandbox.server import running
from tests.cli.conftest import Command
from tests.providers.acme_vendor import ACME


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    path = tmp_path / "acme.toml"
    path.write_text(ACME)
    return path


def test_a_file_that_keeps_the_contract(aijobs: Command, acme: Path) -> None:
    result = aijobs("provider", "check", str(acme))

    assert result.code == 0, result.err
    assert "POST https://api.acme.example/v2/models/specimen/jobs" in result.out
    kept, others = result.out.count("✓"), result.out.count(": does not apply, ")
    assert (kept + others, others > 0) == (len(CHECKS), True)
    assert f"Acme keeps all {kept} promises. {others} do not apply to it." in result.out
    assert "is refused where its time is proven: does not apply, no webhook proves its time" in result.out
    assert "unknown_status" not in result.out + result.err


def test_what_is_wrong_in_a_file_is_shown_line_by_line(aijobs: Command, acme: Path) -> None:
    acme.write_text(ACME.replace('"files[].url"', '"x"').replace('tag = "{token}"', 'tag = "{env.HOME}"'))

    result = aijobs("provider", "check", str(acme))

    assert result.code == 1
    assert "outputs.links: 'x' matches nothing in examples.results" in result.err
    assert "submit.body: {env.HOME} is nothing that it may name" in result.err


def test_a_promise_that_is_broken_is_named(aijobs: Command, acme: Path) -> None:
    acme.write_text(ACME.replace("later = [503]", "rejected = [500]"))

    result = aijobs("provider", "check", str(acme))

    assert result.code == 1
    assert "a 500: it is refused for good (" in result.out
    assert "Rejected(" not in result.out
    assert f"Acme breaks 1 of {result.out.count('✓') + 1} promises." in result.err


def test_a_real_job_needs_a_key(aijobs: Command, acme: Path) -> None:
    result = aijobs("provider", "check", str(acme), "--url", "http://127.0.0.1:1")

    assert result.code == 1
    assert result.err.splitlines()[0] == "Error: A real job needs the vendor's key."
    assert "--token" in result.err
    assert "PROVIDER_TOKEN" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("target", ["nowhere.toml", "nobody"])
def test_a_name_that_there_is_none_of(aijobs: Command, target: str) -> None:
    result = aijobs("provider", "check", target)

    assert result.code == 1
    assert "There is no provider" in result.err


def test_the_keys_of_a_file_are_listed(aijobs: Command) -> None:
    assert "| `auth.check` | text | **required** |" in aijobs("provider", "keys").out


def test_the_providers_are_listed(aijobs: Command) -> None:
    result = aijobs("provider", "list")

    assert "(`replicate`) | yes | yes | yes | for 1 h |" in result.out


async def test_one_real_job_is_run_where_it_is_asked_for(aijobs: Command) -> None:
    config = SandboxConfig(port=0, pace=Pace(queue_seconds=0, work_seconds=0.1))
    async with running(config) as sandbox:
        job = ("--url", sandbox.url, "--token", "a-key-of-the-sandbox", "--model", "flux-2-pro")
        check = ("provider", "check", "black_forest_labs", *job)
        allowed = {"AIJOBS_DOWNLOAD__ALLOW_HOSTS": sandbox.url.removeprefix("http://")}
        refused = await asyncio.to_thread(aijobs, *check)
        result = await asyncio.to_thread(aijobs, *check, **allowed)

        assert result.code == 0, result.err
        assert "GENERATED (Ready)" in result.out
        assert f"✓  image: {sandbox.url}/delivery/" in result.out
        assert refused.code == 1
        assert f"✗  image: {sandbox.url}/delivery/" in refused.out
        assert "The link is not https" in refused.out
        assert "AIJOBS_DOWNLOAD__ALLOW_HOSTS" in refused.err
        assert len(sandbox.ledger()) == 2


async def test_what_a_vendor_needs_besides_a_key_comes_from_the_settings(aijobs: Command) -> None:
    config = SandboxConfig(port=0, pace=Pace(queue_seconds=0, work_seconds=0.1))
    async with running(config) as sandbox:
        job = ("--url", sandbox.url, "--token", "sandbox-key", "--params", '{"prompt": "waves", "resolution": "540p"}')
        needed = {
            "AIJOBS_BEDROCK__ACCESS_KEY": "sandbox-key",
            "AIJOBS_BEDROCK__OUTPUT_URL": "s3://films/checks",
            "AIJOBS_BEDROCK__S3_ENDPOINT": f"{sandbox.url}/s3",
            "AIJOBS_DOWNLOAD__ALLOW_HOSTS": sandbox.url.removeprefix("http://"),
        }
        without = await asyncio.to_thread(aijobs, "provider", "check", "bedrock", *job)
        result = await asyncio.to_thread(aijobs, "provider", "check", "bedrock", *job, **needed)

        assert "access_key and output_url must be set too" in without.err
        assert result.code == 0, result.err
        assert f"video: {sandbox.url}/s3/films/checks/" in result.out.replace("\n", "")
        assert len(sandbox.ledger()) == 1
