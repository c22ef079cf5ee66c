"""TTAPI (ttapi.io): Midjourney, which has no public API of its own.

Facts are from docs.ttapi.io; nothing of it was recorded. What to remember: no idempotency key, no cancel, unsigned
webhooks, a submit that says SUCCESS has only been accepted, and one that says FAILED comes with HTTP 200.
"""

from typing import Final

from aijobs.domain.vendor import KeyCheck, SandboxAccess, Vendor
from aijobs.providers.package import ProviderPackage
from aijobs.providers.ttapi.adapter import Ttapi, TtapiSettings, opened

__all__ = ["PACKAGE", "Ttapi", "TtapiSettings", "opened"]


def _stand_in(sandbox: SandboxAccess) -> dict[str, str]:
    return {"token": sandbox.token, "base_url": sandbox.url}


PACKAGE: Final = ProviderPackage(
    vendor=Vendor(
        label="TTAPI",
        key_check=KeyCheck(path="/midjourney/v1/info", header="TT-API-KEY", scheme=""),
        stand_in=_stand_in,
    ),
    settings=TtapiSettings,
    opened=opened,
)
