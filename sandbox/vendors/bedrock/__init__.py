"""AWS Bedrock, simulated: asynchronous invocations, and the S3 bucket into which they write. All calls are signed."""

from typing import Final

from sandbox.vendors.bedrock import bucket_routes, invocations, routes
from sandbox.vendors.registry import SimulatedVendor

VENDOR: Final = SimulatedVendor(routers=(routes.router, bucket_routes.router), opened=invocations.opened)
