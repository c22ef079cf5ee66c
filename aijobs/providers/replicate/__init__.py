"""Replicate (replicate.com): any model that its predictions API runs, first of all `topazlabs/image-upscale`.

Facts are from its OpenAPI document and from recorded traffic. What to remember: it has no idempotency key, it erases
input and output one hour after the end, and the reply to a create says nothing certain about the status.
"""

from typing import Final

from aijobs.domain.vendor import KeyCheck, SandboxAccess, Vendor
from aijobs.providers.package import ProviderPackage
from aijobs.providers.replicate.adapter import Replicate, ReplicateSettings, opened

__all__ = ["PACKAGE", "Replicate", "ReplicateSettings", "opened"]


def _stand_in(sandbox: SandboxAccess) -> dict[str, str]:
    return {"token": sandbox.token, "base_url": sandbox.url, "webhook_secret": sandbox.webhook_secret}


PACKAGE: Final = ProviderPackage(
    vendor=Vendor(label="Replicate", key_check=KeyCheck(path="/v1/account"), stand_in=_stand_in),
    settings=ReplicateSettings,
    opened=opened,
)
