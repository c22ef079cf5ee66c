"""Every simulated vendor: each package in this folder is one and declares it as `VENDOR`."""

import pkgutil
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from fastapi import APIRouter
from starlette.middleware import Middleware

from sandbox import vendors
from sandbox.config import SandboxConfig
from sandbox.context import SandboxContext, VendorService


@dataclass(frozen=True, kw_only=True)
class SimulatedVendor:
    """`opened` opens the service that the routes share, if there is one; routes find it in the context's `services`."""

    routers: tuple[APIRouter, ...]
    opened: Callable[[SandboxContext], AbstractAsyncContextManager[VendorService]] | None = None
    middleware: Callable[[SandboxConfig], Middleware] | None = None


@cache
def simulated_vendors() -> Mapping[str, SimulatedVendor]:
    """By the name of the package. Raises TypeError for a package that declares no vendor."""
    found = {}
    for module in pkgutil.iter_modules(vendors.__path__):
        if module.ispkg:
            vendor = getattr(import_module(f"{vendors.__name__}.{module.name}"), "VENDOR", None)
            if not isinstance(vendor, SimulatedVendor):
                raise TypeError(f"sandbox/vendors/{module.name} declares no VENDOR")
            found[module.name] = vendor
    return found
