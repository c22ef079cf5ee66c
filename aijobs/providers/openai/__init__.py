"""OpenAI's Responses API in background mode: texts, and pictures by its image generation tool.

Facts are from its OpenAPI document and its client. It has no idempotency key and no list of responses; webhooks go to
one address of the whole project; a conversation, made before the request is sent, shows what a lost one has made.
"""

from typing import Final

from aijobs.domain.vendor import KeyCheck, SandboxAccess, Vendor
from aijobs.providers.openai.adapter import OpenAI, OpenAISettings, opened
from aijobs.providers.openai.specimen import SPECIMEN
from aijobs.providers.package import ProviderPackage

__all__ = ["PACKAGE", "OpenAI", "OpenAISettings", "opened"]


def _sandbox_settings(sandbox: SandboxAccess) -> dict[str, str]:
    return {
        "token": sandbox.token,
        "base_url": f"{sandbox.url}/openai/v1",
        "webhook_secret": sandbox.webhook_secret,
    }


PACKAGE: Final = ProviderPackage(
    vendor=Vendor(label="OpenAI Responses", key_check=KeyCheck(path="/models"), stand_in=_sandbox_settings),
    settings=OpenAISettings,
    opened=opened,
    specimen=SPECIMEN,
)
