"""Google's Gemini API, simulated: videos with Veo as long-running operations, and the files that they end in."""

from typing import Final

from sandbox.vendors.gemini import operations, routes
from sandbox.vendors.registry import SimulatedVendor

VENDOR: Final = SimulatedVendor(routers=(routes.router,), opened=operations.opened)
