"""AWS Bedrock's asynchronous invocations: videos with Nova Reel, Luma Ray, and whatever else is invoked so.

Facts are from AWS's service model of `bedrock-runtime` and its documentation. `clientRequestToken` is an idempotency
key, which the list shows too; Bedrock writes the results into a bucket of the caller's; there is no cancel.
"""

from collections.abc import Mapping
from typing import Final

from aijobs.adapters.network.aws_signature import AwsSignature
from aijobs.domain.vendor import KeyCheck, SandboxAccess, Vendor
from aijobs.providers.bedrock.adapter import Bedrock, opened
from aijobs.providers.bedrock.settings import REGION, BedrockSettings
from aijobs.providers.bedrock.specimen import SPECIMEN
from aijobs.providers.package import ProviderPackage

__all__ = ["PACKAGE", "Bedrock", "BedrockSettings", "opened"]


def _sandbox_settings(sandbox: SandboxAccess) -> dict[str, str]:
    return {
        "token": sandbox.token,
        "access_key": sandbox.token,
        "region": REGION,
        "base_url": sandbox.url,
        "output_url": "s3://sandbox/bedrock",
        "s3_endpoint": f"{sandbox.url}/s3",
    }


def _signed(settings: BedrockSettings, url: str) -> Mapping[str, str]:
    return AwsSignature(settings.keys, service="bedrock", region=settings.region).headers("GET", url)


PACKAGE: Final = ProviderPackage(
    vendor=Vendor(
        label="AWS Bedrock",
        key_check=KeyCheck(path="/async-invoke?maxResults=1", signed=_signed),
        stand_in=_sandbox_settings,
    ),
    settings=BedrockSettings,
    opened=opened,
    specimen=SPECIMEN,
)
