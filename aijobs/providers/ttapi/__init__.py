"""TTAPI (ttapi.io): Midjourney, which has no public API of its own.

Facts are from docs.ttapi.io; nothing of it was recorded. It has no idempotency key, no cancel, and
unsigned webhooks. SUCCESS in the response to a submit means accepted; FAILED comes with HTTP 200.
"""

from typing import Final

from aijobs.domain.vendor import KeyCheck, SandboxAccess, Vendor
from aijobs.providers.package import ProviderPackage
from aijobs.providers.ttapi.adapter import Ttapi, TtapiSettings, opened
from aijobs.providers.ttapi.specimen import SPECIMEN

__all__ = ["PACKAGE", "Ttapi", "TtapiSettings", "opened"]


def _sandbox_settings(sandbox: SandboxAccess) -> dict[str, str]:
    return {"token": sandbox.token, "base_url": sandbox.url}


PACKAGE: Final = ProviderPackage(
    vendor=Vendor(
        label="TTAPI",
        key_check=KeyCheck(path="/midjourney/v1/info", header="TT-API-KEY", scheme=""),
        stand_in=_sandbox_settings,
    ),
    settings=TtapiSettings,
    opened=opened,
    specimen=SPECIMEN,
)
