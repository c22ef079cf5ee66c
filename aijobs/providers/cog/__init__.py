"""Cog servers (cog.run): each serves one packed model, and tells what it has made by webhooks alone.

Facts are from its documents and from version 0.23.1, run. A prediction has an id of the caller's, under which a second
request finds it while it runs, and runs it again once it has ended. It cannot be asked about.
"""

from typing import Final

from aijobs.domain.vendor import KeyCheck, SandboxAccess, Vendor
from aijobs.providers.cog.adapter import Cog, CogSettings, opened
from aijobs.providers.cog.prediction import setup_error
from aijobs.providers.cog.specimen import SPECIMEN
from aijobs.providers.package import ProviderPackage

__all__ = ["PACKAGE", "Cog", "CogSettings", "opened"]


def _sandbox_settings(sandbox: SandboxAccess) -> dict[str, str]:
    return {"token": sandbox.token, "base_url": f"{sandbox.url}/cog"}


PACKAGE: Final = ProviderPackage(
    vendor=Vendor(
        label="Cog", key_check=KeyCheck(path="/health-check", complaint=setup_error), stand_in=_sandbox_settings
    ),
    settings=CogSettings,
    opened=opened,
    specimen=SPECIMEN,
    is_told=True,
)
