"""A language model behind OpenAI's chat completions protocol, simulated: it extracts facts from its input by rules."""

from typing import Final

from sandbox.vendors.chat import routes
from sandbox.vendors.registry import SimulatedVendor

VENDOR: Final = SimulatedVendor(routers=(routes.router,))
