"""fal (fal.ai): any model behind its queue.

Facts are from its documentation and its clients. It has no idempotency key; COMPLETED means finished, well or not; and
only finished requests are listed. The URLs of a request leave out the end of its endpoint, so they are used as given.
"""

import json
from typing import Final

from aijobs.domain.vendor import KeyCheck, SandboxAccess, Vendor
from aijobs.providers.fal.adapter import Fal, FalSettings, opened
from aijobs.providers.fal.specimen import SPECIMEN
from aijobs.providers.package import ProviderPackage

__all__ = ["PACKAGE", "Fal", "FalSettings", "opened"]


#: The status of a request that there is none of: the queue has nothing else that costs nothing and needs a key.
NO_REQUEST: Final = "/fal-ai/flux/requests/00000000-0000-0000-0000-000000000000/status"


def _complaint(body: bytes) -> str | None:
    try:
        is_object = isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        is_object = False
    return None if is_object else "does not answer as fal does"


def _sandbox_settings(sandbox: SandboxAccess) -> dict[str, str]:
    return {
        "token": f"sandbox:{sandbox.token}",
        "base_url": f"{sandbox.url}/fal/queue",
        "rest_url": f"{sandbox.url}/fal/rest",
        "platform_url": f"{sandbox.url}/fal/platform",
        "schema_url": f"{sandbox.url}/fal/openapi.json",
    }


PACKAGE: Final = ProviderPackage(
    vendor=Vendor(
        label="fal",
        key_check=KeyCheck(path=NO_REQUEST, scheme="Key", complaint=_complaint, also_fine=(404,)),
        stand_in=_sandbox_settings,
    ),
    settings=FalSettings,
    opened=opened,
    specimen=SPECIMEN,
)
