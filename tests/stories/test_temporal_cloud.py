"""Every role works behind TLS, by Temporal's own settings alone: with certificates, or with a key."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
import trustme
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from cli.embedded.temporal_server import TemporalServer, temporal_binary, temporal_server
from tests.cli.command import CommandResult, aijobs_process
from tests.stories.stack import StoryStack, running_stack
from tests.workflows.connection.cloud_front import CloudFront, cloud_front
from workflows.search_attributes import ALL_ATTRIBUTES

KEY: Final = "tc-a-key-of-a-service-account"
NAMESPACE: Final = "jobs.acme"

POLLS: Final = frozenset({"PollWorkflowTaskQueue", "PollActivityTaskQueue"})


@pytest.fixture
async def temporal() -> AsyncIterator[TemporalServer]:
    async with temporal_server(data_dir=None) as server:
        yield server


@dataclass(frozen=True)
class CloudAccount:
    """What an operator has from Temporal Cloud, or from an authority of their own."""

    folder: Path
    authority: trustme.CA

    def settings(self, front: CloudFront) -> dict[str, str]:
        return {
            "TEMPORAL_ADDRESS": front.address,
            "TEMPORAL_TLS_SERVER_CA_CERT_PATH": self._file("ca.pem", self.authority.cert_pem.bytes()),
            "AIJOBS_ONE_HOST": "true",
        }

    def certificates(self) -> dict[str, str]:
        own = self.authority.issue_cert("aijobs@acme.example", not_after=None)
        chain = b"".join(part.bytes() for part in own.cert_chain_pems)
        return {
            "TEMPORAL_TLS_CLIENT_CERT_PATH": self._file("client.pem", chain),
            "TEMPORAL_TLS_CLIENT_KEY_PATH": self._file("client.key", own.private_key_pem.bytes()),
        }

    def key(self) -> dict[str, str]:
        return {"TEMPORAL_API_KEY_FILE": self._file("key", f"{KEY}\n".encode())}

    def _file(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)


@pytest.fixture
def account(tmp_path: Path) -> CloudAccount:
    return CloudAccount(tmp_path, trustme.CA())


@asynccontextmanager
async def stack_behind(
    front: CloudFront, temporal: TemporalServer, account: CloudAccount, identity: dict[str, str]
) -> AsyncIterator[StoryStack]:
    settings = account.settings(front) | identity
    async with running_stack(account.folder / "data", temporal=temporal, settings=settings) as stack:
        yield stack


async def command(stack: StoryStack, *arguments: str) -> CommandResult:
    ours = {name: value for name, value in stack.environment.items() if name.startswith(("AIJOBS_", "TEMPORAL_"))}
    return await aijobs_process(*arguments, folder=Path(ours["AIJOBS_DATA_DIR"]), **ours)


def described(code: str, environment: Mapping[str, str]) -> str:
    """What Temporal's own command line says of a job's workflow, with the same settings."""
    words = (temporal_binary(), "workflow", "describe", "--workflow-id", code, "--output", "json")
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout


async def findings(stack: StoryStack) -> dict[str, str]:
    """The doctor's parts, and their health."""
    found = (await command(stack, "doctor", "--json")).document["findings"]
    return {finding["part"]: finding["health"] for finding in found}


async def test_every_role_shows_its_client_certificate(temporal: TemporalServer, account: CloudAccount) -> None:
    server = account.authority.issue_cert("127.0.0.1")
    async with (
        cloud_front(temporal.address, server, clients_of=account.authority) as front,
        stack_behind(front, temporal, account, account.certificates()) as stack,
    ):
        code = await stack.submit()
        statuses = await stack.statuses(code)
        prepared = await command(stack, "init", "--only", "temporal")
        health = await findings(stack)
        listed = await asyncio.to_thread(described, code, stack.environment)

    assert statuses[-1] == "SUCCESS"
    assert POLLS | {"StartWorkflowExecution", "GetSystemInfo"} <= front.methods
    assert prepared.code == 0, prepared.out
    assert f"its {len(ALL_ATTRIBUTES)} search attributes are there" in prepared.out
    assert (health["Temporal"], health["Workers"]) == ("ok", "ok")
    assert "COMPLETED" in listed


async def test_every_role_sends_its_api_key_and_tells_it_to_nobody(
    temporal: TemporalServer, account: CloudAccount
) -> None:
    server = account.authority.issue_cert("127.0.0.1")
    async with (
        cloud_front(temporal.address, server, api_key=KEY) as front,
        stack_behind(front, temporal, account, account.key()) as stack,
    ):
        statuses = await stack.statuses(await stack.submit())
        prepared = await command(stack, "init", "--only", "temporal")
        health = await command(stack, "doctor", "--json")
        logs = "".join(log.read_text() for log in (account.folder / "data" / "logs").glob("*.log"))

    assert statuses[-1] == "SUCCESS"
    assert front.authorizations == {f"Bearer {KEY}"}
    assert POLLS | {"StartWorkflowExecution"} <= front.methods
    assert KEY not in logs + prepared.out + prepared.err + health.out + health.err


async def test_init_says_what_only_the_tools_of_temporal_cloud_can_make(
    temporal: TemporalServer, account: CloudAccount
) -> None:
    request = RegisterNamespaceRequest(namespace=NAMESPACE)
    request.workflow_execution_retention_period.FromTimedelta(timedelta(days=7))
    await (await Client.connect(temporal.address)).workflow_service.register_namespace(request)
    async with cloud_front(temporal.address, account.authority.issue_cert("127.0.0.1"), api_key=KEY) as front:
        settings = account.settings(front) | account.key()
        bare, absent = [
            await aijobs_process(
                "init", "--only", "temporal", "--wait", "20", folder=account.folder, **settings, TEMPORAL_NAMESPACE=name
            )
            for name in (NAMESPACE, "other.acme")
        ]

    assert (bare.code, absent.code) == (1, 1)
    assert f"tcld namespace search-attributes add --namespace {NAMESPACE} --sa JobStatus=Keyword" in one_line(bare.out)
    assert "--sa JobProgress=Double" in one_line(bare.out)
    assert "there is no namespace other.acme" in one_line(absent.out)
    assert "tcld namespace create --namespace other" in one_line(absent.out)


def one_line(text: str) -> str:
    return " ".join(text.split())
