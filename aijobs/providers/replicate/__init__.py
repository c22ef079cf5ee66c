"""Replicate (replicate.com): any model that its predictions API runs, first of all `topazlabs/image-upscale`.

Facts are from its OpenAPI document and from recorded traffic. It has no idempotency key, it erases input
and output one hour after the end, and the status in the response to a create may be out of date.
"""

from typing import Final

from aijobs.domain.vendor import KeyCheck, SandboxAccess, Vendor
from aijobs.providers.package import ProviderPackage
from aijobs.providers.replicate.adapter import Replicate, ReplicateSettings, opened
from aijobs.providers.replicate.specimen import SPECIMEN

__all__ = ["PACKAGE", "Replicate", "ReplicateSettings", "opened"]


def _sandbox_settings(sandbox: SandboxAccess) -> dict[str, str]:
    return {"token": sandbox.token, "base_url": sandbox.url, "webhook_secret": sandbox.webhook_secret}


PACKAGE: Final = ProviderPackage(
    vendor=Vendor(label="Replicate", key_check=KeyCheck(path="/v1/account"), stand_in=_sandbox_settings),
    settings=ReplicateSettings,
    opened=opened,
    specimen=SPECIMEN,
)
