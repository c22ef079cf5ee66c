"""Black Forest Labs' FLUX API, simulated: real pictures, links that last ten minutes, webhooks with a secret each."""

from typing import Final

from sandbox.vendors.black_forest_labs import flux_tasks, routes
from sandbox.vendors.registry import SimulatedVendor

VENDOR: Final = SimulatedVendor(routers=(routes.router,), opened=flux_tasks.opened)
