"""OpenAI's Responses in background mode, simulated: answers that follow from their input, pictures, conversations."""

from typing import Final

from sandbox.vendors.openai import responses, routes
from sandbox.vendors.registry import SimulatedVendor

VENDOR: Final = SimulatedVendor(routers=(routes.router,), opened=responses.opened)
