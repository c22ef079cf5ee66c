"""Azure OpenAI: the Responses API of OpenAI in Azure's dialect, with settings of its own.

Facts are from Azure's documentation and from OpenAI's client, which speaks both. A deployment takes the place of the
model. It has no conversations to find a lost response by, and sends no webhooks.
"""

from dataclasses import replace
from typing import Final

from aijobs.domain.vendor import KeyCheck, SandboxAccess, Vendor
from aijobs.providers.azure_openai.adapter import LABEL, AzureOpenAI, AzureOpenAISettings, opened
from aijobs.providers.openai.specimen import SPECIMEN
from aijobs.providers.package import ProviderPackage

__all__ = ["PACKAGE", "AzureOpenAI", "AzureOpenAISettings", "opened"]


def _sandbox_settings(sandbox: SandboxAccess) -> dict[str, str]:
    return {"token": sandbox.token, "base_url": f"{sandbox.url}/azure"}


PACKAGE: Final = ProviderPackage(
    vendor=Vendor(
        label=LABEL,
        key_check=KeyCheck(path="/openai/v1/models", header="api-key", scheme=""),
        stand_in=_sandbox_settings,
    ),
    settings=AzureOpenAISettings,
    opened=opened,
    specimen=replace(SPECIMEN, webhooks=(), listed=None, found_id=None, prepared={}),
)
