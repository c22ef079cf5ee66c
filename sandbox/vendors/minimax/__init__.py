"""MiniMax, simulated: Hailuo's video tasks, whose files are asked for apart, and errors within an HTTP 200."""

from typing import Final

from sandbox.vendors.minimax import hailuo, routes
from sandbox.vendors.registry import SimulatedVendor

VENDOR: Final = SimulatedVendor(routers=(routes.router,), opened=hailuo.opened)
