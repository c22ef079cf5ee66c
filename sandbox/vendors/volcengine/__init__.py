"""Volcengine Ark's content generation, simulated: real short videos, callbacks, and DELETE with its two meanings."""

from typing import Final

from sandbox.vendors.registry import SimulatedVendor
from sandbox.vendors.volcengine import routes, seedance

VENDOR: Final = SimulatedVendor(routers=(routes.router,), opened=seedance.opened)
