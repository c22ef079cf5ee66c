"""fal, simulated: its queue, results, uploads, lists and schemas, with signed webhooks and real pictures."""

from typing import Final

from sandbox.vendors.fal import queued, routes, services
from sandbox.vendors.registry import SimulatedVendor

VENDOR: Final = SimulatedVendor(routers=(services.router, routes.router), opened=queued.opened)
