"""Runway, simulated: films of a picture, renewed links, and one call that stops tasks and erases ended ones."""

from typing import Final

from sandbox.vendors.registry import SimulatedVendor
from sandbox.vendors.runway import films, routes

VENDOR: Final = SimulatedVendor(routers=(routes.router,), opened=films.opened)
