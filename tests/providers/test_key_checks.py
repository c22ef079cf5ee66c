"""What `aijobs doctor` asks of each vendor: it takes a valid key, and notices another."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from aijobs.domain.vendor import SandboxAccess
from aijobs.providers.registry import SHIPPED
from aijobs.settings import GivenSettings
from cli.doctor.report import FindingLevel
from cli.doctor.vendor_keys import vendor_keys
from sandbox.config import SandboxConfig
from sandbox.server import RunningSandbox, running

RIGHT, WRONG = "r8_the_right_key_0001", "r8_the_wrong_key_0002"
WITHOUT_KEYS: Final = ("cog", "comfyui")  #: servers of one's own, which ask for none


@pytest.fixture(scope="module")
async def strict_sandbox() -> AsyncIterator[RunningSandbox]:
    async with running(SandboxConfig(port=0, tokens=frozenset({RIGHT}))) as sandbox:
        yield sandbox


async def health_of(name: str, sandbox: RunningSandbox, key: str) -> FindingLevel:
    vendor = SHIPPED[name].vendor
    access = SandboxAccess(url=sandbox.url, token=key, webhook_secret=sandbox.webhook_secret)
    sections: dict[str, Any] = {name: vendor.stand_in(access)}
    settings = GivenSettings(**sections)
    (finding,) = [one async for one in vendor_keys(settings) if one.part == vendor.label]
    assert key not in repr(finding)
    return finding.health


@pytest.mark.parametrize("name", [name for name in SHIPPED if name not in WITHOUT_KEYS])
async def test_a_valid_key_is_fine_and_another_is_not(strict_sandbox: RunningSandbox, name: str) -> None:
    assert await health_of(name, strict_sandbox, RIGHT) is FindingLevel.OK
    assert await health_of(name, strict_sandbox, WRONG) is not FindingLevel.OK
