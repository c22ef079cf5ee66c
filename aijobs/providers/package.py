"""What a provider's package hands over: `PACKAGE`, one value with everything that the product knows of the vendor."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from pydantic import BaseModel

from aijobs.domain.ports.providers import Provider
from aijobs.domain.vendor import Vendor

#: Called with the section of settings, and `timeouts` where the network is given others than usual.
Opener = Callable[..., AbstractAsyncContextManager[Provider]]


@dataclass(frozen=True, kw_only=True)
class ProviderPackage:
    """`settings` is the class of its section, which fits VendorSettings; without any value set the provider is off."""

    vendor: Vendor
    settings: type[BaseModel]
    opened: Opener
