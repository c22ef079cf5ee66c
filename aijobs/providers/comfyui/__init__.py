"""ComfyUI, a server of one's own that runs workflows, one after the other.

Facts are from its source. A prompt may have an id of the caller's, under which it is found in the queue and in the
history; both are in the server's memory alone. The same id again would be a second prompt.
"""

from typing import Final

from aijobs.domain.vendor import KeyCheck, SandboxAccess, Vendor
from aijobs.providers.comfyui.adapter import ComfyUI, ComfyUISettings, opened
from aijobs.providers.comfyui.specimen import SPECIMEN
from aijobs.providers.package import ProviderPackage

__all__ = ["PACKAGE", "ComfyUI", "ComfyUISettings", "opened"]


def _sandbox_settings(sandbox: SandboxAccess) -> dict[str, str]:
    return {"token": sandbox.token, "base_url": f"{sandbox.url}/comfyui"}


PACKAGE: Final = ProviderPackage(
    vendor=Vendor(label="ComfyUI", key_check=KeyCheck(path="/system_stats"), stand_in=_sandbox_settings),
    settings=ComfyUISettings,
    opened=opened,
    specimen=SPECIMEN,
)
