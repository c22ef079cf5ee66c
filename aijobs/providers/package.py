"""What a provider's package exports: `PACKAGE`, one value with everything that the product knows about the vendor."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from pydantic import BaseModel

from aijobs.domain.ports.providers import Provider
from aijobs.domain.vendor import Vendor

#: Called with the settings section, and optionally with `timeouts`.
Opener = Callable[..., AbstractAsyncContextManager[Provider]]


@dataclass(frozen=True, kw_only=True)
class ProviderPackage:
    """`settings` is the class of its settings section and fits VendorSettings. Without a token it is disabled."""

    vendor: Vendor
    settings: type[BaseModel]
    opened: Opener
