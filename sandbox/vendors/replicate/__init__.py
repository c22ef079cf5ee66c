"""Replicate, simulated: predictions, files, models, account and the webhook secret."""

from typing import Final

from starlette.middleware import Middleware

from sandbox.config import SandboxConfig
from sandbox.vendors.registry import SimulatedVendor
from sandbox.vendors.replicate import file_routes, routes, service
from sandbox.vendors.replicate.rate_limits import RateLimit, Throttle


def _throttle(config: SandboxConfig) -> Middleware:
    return Middleware(Throttle, limit=config.rules_of(RateLimit))


VENDOR: Final = SimulatedVendor(
    routers=(routes.router, file_routes.router), opened=service.opened, middleware=_throttle
)
