"""The settings of Bedrock."""

import re
from typing import Any, Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aijobs.adapters.network.aws_signature import AwsKeys
from aijobs.domain.values.secret_forms import AccessKey, SecretAccessKey, Token

REGION: Final = "us-east-1"
ADDRESS: Final = "https://bedrock-runtime.{}.amazonaws.com"
AWS_ADDRESS: Final = re.compile(ADDRESS.replace(".", r"\.").format("[a-z0-9-]+") + "/?")
S3_URI: Final = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>[\w!.*'()/-]*))?", re.ASCII
)
TOGETHER: Final = ("access_key", "output_url")


class BedrockSettings(BaseModel):
    """The settings of Bedrock. It is enabled when a token is set, which is the secret access key.

    Results are written to `output_url` (`s3://bucket/prefix`) by Bedrock itself, and read from there with the same
    keys. `s3_endpoint` is for a store that is not AWS's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: SecretAccessKey | None = None
    access_key: AccessKey | None = None
    session_token: Token | None = None
    region: str = Field(default=REGION, pattern=r"^[a-z0-9-]{3,30}$")
    base_url: str = ADDRESS.format(REGION)
    output_url: str | None = Field(default=None, pattern=rf"^{S3_URI.pattern}$")
    s3_endpoint: str | None = Field(default=None, pattern=r"^https?://\S+$")

    @model_validator(mode="before")
    @classmethod
    def _address_of_region(cls, given: Any) -> Any:
        """AWS's own address is that of the region: a credential of another region than the first's has another."""
        if isinstance(given, dict) and given.get("region"):
            address = given.get("base_url") or ADDRESS.format(REGION)
            if AWS_ADDRESS.fullmatch(str(address)):
                return {**given, "base_url": ADDRESS.format(given["region"])}
        return given

    @model_validator(mode="after")
    def _whole(self) -> Self:
        missing = [name for name in TOGETHER if not getattr(self, name)]
        if self.token and missing:
            raise ValueError(f"with a token, {' and '.join(missing)} must be set too")
        return self

    @property
    def keys(self) -> AwsKeys:
        """Raises ValueError without them."""
        if not self.token or not self.access_key:
            raise ValueError("Bedrock needs a token and an access key.")
        session = self.session_token.get_secret_value() if self.session_token else None
        return AwsKeys(self.access_key.get_secret_value(), self.token.get_secret_value(), session)

    @property
    def secrets(self) -> tuple[bytes, ...]:
        return tuple(one.get_secret_value().encode() for one in (self.token, self.session_token) if one)

    def destination(self, token: str) -> str:
        """The URI below which Bedrock writes the results of one submission."""
        return f"{(self.output_url or '').rstrip('/')}/{token}"

    def bucket_url(self, bucket: str) -> str:
        """The address of a bucket, without a slash at the end."""
        if self.s3_endpoint:
            return f"{self.s3_endpoint.rstrip('/')}/{bucket}"
        host = f"s3.{self.region}.amazonaws.com"
        return f"https://{host}/{bucket}" if "." in bucket else f"https://{bucket}.{host}"  # certificates take no dots

    @property
    def download_hosts(self) -> tuple[str, ...]:
        if self.s3_endpoint:
            return (urlsplit(self.s3_endpoint).hostname or "",)
        host = f"s3.{self.region}.amazonaws.com"
        return (f"*.{host}", host)
