"""The settings of the object store."""

import re
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from aijobs.adapters.storage.key_check import checked_key
from aijobs.domain.errors import BadInput
from aijobs.domain.values.secret_forms import AccessKey, SecretAccessKey

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

_S3_ONLY: Final = ("endpoint", "region", "access_key", "secret_key", "ca_bundle")


class StoreSettings(BaseModel):
    """Where objects are kept: `file:///…`, `s3://bucket/prefix`, or, without a url, a directory in the data folder.

    Without keys, boto3 looks for credentials where AWS tools do (environment, profile, instance role).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = None
    endpoint: str | None = None  #: of an S3 service that is not AWS
    region: str | None = None
    access_key: AccessKey | None = None
    secret_key: SecretAccessKey | None = None
    addressing: Literal["auto", "path", "virtual"] = "auto"
    checksums: Literal["when_supported", "when_required"] = "when_supported"
    ca_bundle: Path | None = None  #: certificates to trust instead of the public ones

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        if url is None or url.startswith("file:"):
            _directory_of(url)
        elif url.startswith("s3:"):
            _bucket_and_prefix_of(url)
        else:
            raise ValueError("must be file:///… or s3://bucket/prefix")
        return url

    @field_validator("endpoint")
    @classmethod
    def _endpoint_is_a_server(cls, endpoint: str | None) -> str | None:
        if endpoint is None:
            return None
        parts = urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be http://host or https://host, with a port if it has its own")
        if parts.username or parts.query or parts.path.strip("/"):
            raise ValueError("must be a server only, without user, path or query")
        return endpoint

    @field_validator("ca_bundle")
    @classmethod
    def _ca_bundle_is_there(cls, ca_bundle: Path | None) -> Path | None:
        if ca_bundle is not None and not ca_bundle.is_file():
            raise ValueError(f"there is no file {ca_bundle}")
        return ca_bundle

    @model_validator(mode="after")
    def _fits_together(self) -> "StoreSettings":
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key and secret_key are needed together")
        unused = [name for name in _S3_ONLY if getattr(self, name) is not None]
        if unused and not self.is_s3:
            raise ValueError(f"{', '.join(unused)} only make sense with a url like s3://bucket/prefix")
        return self

    @property
    def is_s3(self) -> bool:
        return self.url is not None and self.url.startswith("s3:")

    @property
    def directory(self) -> Path | None:
        """The directory of a `file:` url."""
        return None if self.is_s3 else _directory_of(self.url)

    @property
    def bucket_and_prefix(self) -> tuple[str, str]:
        """The bucket and prefix of an `s3:` url; the prefix is empty or ends with a slash."""
        assert self.url is not None
        return _bucket_and_prefix_of(self.url)


def _directory_of(url: str | None) -> Path | None:
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.netloc or not parts.path.startswith("/") or parts.query or parts.fragment:
        raise ValueError("a file url names an absolute directory: file:///var/lib/aijobs/store")
    return Path(unquote(parts.path))


def _bucket_and_prefix_of(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    if not _BUCKET.fullmatch(parts.netloc):
        raise ValueError(f"{parts.netloc!r} is not the name of a bucket, as in s3://bucket/prefix")
    prefix = parts.path.strip("/")
    if parts.query or parts.fragment:
        raise ValueError("an s3 url is only s3://bucket/prefix; everything else has its own setting")
    try:
        return parts.netloc, f"{checked_key(prefix)}/" if prefix else ""
    except BadInput as invalid:
        raise ValueError(f"{prefix!r} cannot be a prefix: {invalid}") from invalid
