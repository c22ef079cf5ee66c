"""Kling's newer API, simulated: tasks with an id of the caller's, which can be looked up, and real short videos."""

from typing import Final

from sandbox.vendors.kling import routes, videos
from sandbox.vendors.registry import SimulatedVendor

VENDOR: Final = SimulatedVendor(routers=(routes.router,), opened=videos.opened)
