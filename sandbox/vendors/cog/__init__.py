"""A cog server, simulated: ids of the caller's, no questions, results in webhooks alone."""

from typing import Final

from sandbox.vendors.cog import predictions, routes
from sandbox.vendors.registry import SimulatedVendor

VENDOR: Final = SimulatedVendor(routers=(routes.router,), opened=predictions.opened)
