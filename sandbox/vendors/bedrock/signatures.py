"""Signature Version 4, checked as AWS's documents describe it: in a header, or in the query of a link.

The secret of an access key is one of the sandbox's tokens; where it takes any token, it is the access key's id.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from urllib.parse import parse_qsl, quote

from fastapi import Request

from sandbox.context import context_of

ALGORITHM: Final = "AWS4-HMAC-SHA256"
HEADER: Final = re.compile(
    rf"{ALGORITHM} Credential=(?P<credential>\S+), ?SignedHeaders=(?P<signed>\S+), ?Signature=(?P<signature>[0-9a-f]+)"
)
UNRESERVED: Final = "-_.~"
OF_QUERY: Final = "X-Amz-Signature"
SKEW: Final = timedelta(minutes=15)
STAMP: Final = "%Y%m%dT%H%M%SZ"
REGION: Final = "us-east-1"  #: the only one that is simulated

Service = Literal["bedrock", "s3"]


class BadSignature(Exception):
    """The request proves nothing; the text is AWS's name for why."""


@dataclass(frozen=True)
class _Proof:
    """What a request brings as its proof. `names` are the signed headers; `body_sha256` is what it calls its body."""

    access_key: str
    scope: str
    signed_at: str
    lifetime: timedelta
    names: str
    signature: str
    body_sha256: str

    def check_time(self) -> None:
        """Raises BadSignature."""
        try:
            age = datetime.now(UTC) - datetime.strptime(self.signed_at, STAMP).replace(tzinfo=UTC)
        except ValueError:
            raise BadSignature("IncompleteSignature") from None
        if not -SKEW < age < self.lifetime:
            raise BadSignature("RequestTimeTooSkewed")


async def access_key_of(request: Request, service: Service) -> str:
    """Whose request this is. Raises BadSignature."""
    proof = _proof_of(request, await request.body())
    proof.check_time()
    day, region, named, end = (*proof.scope.split("/"), "", "", "", "")[:4]
    if (region, named, end) != (REGION, service, "aws4_request"):
        raise BadSignature("SignatureDoesNotMatch")  # AWS names the region that it wants, too
    text = "\n".join((ALGORITHM, proof.signed_at, proof.scope, _sha256(_canonical(request, proof, service).encode())))
    for secret in context_of(request).config.tokens or {proof.access_key}:
        key = f"AWS4{secret}".encode()
        for part in (day, region, named, end):
            key = hmac.digest(key, part.encode(), "sha256")
        if hmac.compare_digest(hmac.new(key, text.encode(), "sha256").hexdigest(), proof.signature):
            return proof.access_key
    raise BadSignature("SignatureDoesNotMatch")


def _proof_of(request: Request, body: bytes) -> _Proof:
    query = request.query_params
    written = HEADER.fullmatch(request.headers.get("authorization", ""))
    try:
        if written:
            access_key, _, scope = written["credential"].partition("/")
            body_sha256 = request.headers.get("x-amz-content-sha256") or _sha256(body)
            if body_sha256 not in {_sha256(body), "UNSIGNED-PAYLOAD"}:
                raise BadSignature("XAmzContentSHA256Mismatch")
            stamp = request.headers["x-amz-date"]
            return _Proof(access_key, scope, stamp, SKEW, written["signed"], written["signature"], body_sha256)
        access_key, _, scope = query["X-Amz-Credential"].partition("/")
        lifetime = timedelta(seconds=int(query["X-Amz-Expires"]))
        return _Proof(
            access_key,
            scope,
            query["X-Amz-Date"],
            lifetime,
            query["X-Amz-SignedHeaders"],
            query[OF_QUERY],
            "UNSIGNED-PAYLOAD",
        )
    except (KeyError, ValueError) as missing:
        raise BadSignature("MissingAuthenticationToken") from missing


def _canonical(request: Request, proof: _Proof, service: Service) -> str:
    path = request.scope["raw_path"].decode("ascii").partition("?")[0]
    names = proof.names.split(";")
    return "\n".join(
        (
            request.method,
            path if service == "s3" else quote(path, safe=f"/{UNRESERVED}"),  # S3 alone encodes a path only once
            _canonical_query(request),
            *(f"{name}:{' '.join(_header(request.headers, name).split())}" for name in names),
            "",
            proof.names,
            proof.body_sha256,
        )
    )


def _canonical_query(request: Request) -> str:
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    encoded = sorted((quote(name, safe=UNRESERVED), quote(value, safe=UNRESERVED)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded if name != OF_QUERY)


def _header(headers: Mapping[str, str], name: str) -> str:
    return headers.get(name, "")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
