"""A ComfyUI server, simulated: workflows of the usual nodes, which draw and enlarge real pictures."""

from typing import Final

from sandbox.vendors.comfyui import prompts, routes
from sandbox.vendors.registry import SimulatedVendor

VENDOR: Final = SimulatedVendor(routers=(routes.router,), opened=prompts.opened)
