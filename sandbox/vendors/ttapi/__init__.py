"""TTAPI, simulated: Midjourney's imagine and its actions, with real pictures, quotas and hooks."""

from typing import Final

from sandbox.vendors.registry import SimulatedVendor
from sandbox.vendors.ttapi import routes, worker

VENDOR: Final = SimulatedVendor(routers=(routes.router,), opened=worker.opened)
