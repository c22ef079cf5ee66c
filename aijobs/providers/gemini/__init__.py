"""Google's Gemini API: videos with Veo, as long-running operations.

Facts are from Google's client and documents. There is no idempotency key, no list and no cancel; an operation has no
word for its status, only `done`; what a filter has held back is a success without results; files need the key.
"""

from typing import Final

from aijobs.domain.vendor import KeyCheck, SandboxAccess, Vendor
from aijobs.providers.gemini.adapter import KEY_HEADER, Gemini, GeminiSettings, opened
from aijobs.providers.gemini.specimen import SPECIMEN
from aijobs.providers.package import ProviderPackage

__all__ = ["PACKAGE", "Gemini", "GeminiSettings", "opened"]


def _sandbox_settings(sandbox: SandboxAccess) -> dict[str, str]:
    return {"token": sandbox.token, "base_url": sandbox.url}


PACKAGE: Final = ProviderPackage(
    vendor=Vendor(
        label="Google Gemini API",
        key_check=KeyCheck(
            path="/v1beta/models?pageSize=1",
            header=KEY_HEADER,
            scheme="",
            wrong_address_hint="Are its key and its base URL right?",  # a wrong key is answered with 400
        ),
        stand_in=_sandbox_settings,
    ),
    settings=GeminiSettings,
    opened=opened,
    specimen=SPECIMEN,
)
