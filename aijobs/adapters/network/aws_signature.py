"""AWS's Signature Version 4, made by AWS's own signer, which is loaded when it is first used: few processes sign."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from botocore.credentials import Credentials


@dataclass(frozen=True)
class AwsKeys:
    """An access key, and the token that goes with a temporary one."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)

    def as_credentials(self) -> "Credentials":
        from botocore.credentials import Credentials

        return Credentials(self.access_key, self.secret_key, self.session_token)


class AwsSignature(httpx.Auth):
    """Signs each request to one of AWS's services in one region when it is sent. The secret key is in none of them."""

    requires_request_body = True

    def __init__(self, keys: AwsKeys, *, service: str, region: str) -> None:
        from botocore.auth import S3SigV4Auth, SigV4Auth

        signer = S3SigV4Auth if service == "s3" else SigV4Auth
        self._signer = signer(keys.as_credentials(), service, region)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        shown = {"Content-Type": request.headers["Content-Type"]} if "Content-Type" in request.headers else {}
        request.headers.update(self.headers(request.method, str(request.url), shown, request.content))
        yield request

    def headers(
        self, method: str, url: str, shown: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Mapping[str, str]:
        """`shown`, which are signed too, and what proves the request."""
        from botocore.awsrequest import AWSRequest

        signed = AWSRequest(method=method, url=url, headers=dict(shown or {}), data=body)
        self._signer.add_auth(signed)
        return dict(signed.headers.items())


def signed_link(keys: AwsKeys, url: str, *, region: str, lifetime: timedelta) -> str:
    """A link to an object in S3 that whoever has it may read, for so long."""
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest

    request = AWSRequest(method="GET", url=url)
    signer = S3SigV4QueryAuth(keys.as_credentials(), "s3", region, expires=int(lifetime.total_seconds()))
    signer.add_auth(request)
    return str(request.url)
