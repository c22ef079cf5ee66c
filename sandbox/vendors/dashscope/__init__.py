"""Alibaba's DashScope, simulated: asynchronous video synthesis with real short videos."""

from typing import Final

from sandbox.vendors.dashscope import routes, wan
from sandbox.vendors.registry import SimulatedVendor

VENDOR: Final = SimulatedVendor(routers=(routes.router,), opened=wan.opened)
