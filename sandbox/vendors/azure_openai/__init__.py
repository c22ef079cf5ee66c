"""Azure's dialect of OpenAI, simulated: deployments, an `api-key`, versions by date or `v1`, and a content filter."""

from typing import Final

from sandbox.vendors.azure_openai import responses, routes
from sandbox.vendors.registry import SimulatedVendor

VENDOR: Final = SimulatedVendor(routers=(routes.current, routes.dated), opened=responses.opened)
