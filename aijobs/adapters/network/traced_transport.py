"""An HTTP client's transport whose requests are lines of the log, at DEBUG, and part of the trace.

The other side does not hear of the trace.
"""

import time
from dataclasses import dataclass

import httpx
import structlog

from aijobs.tracing.spans import HTTP_STATUS, METHOD, PROVIDER, client_span

log = structlog.get_logger()


@dataclass(frozen=True)
class TracedTransport(httpx.AsyncBaseTransport):
    """Tells when a request was sent, when the answer began, and its status; of the address nothing."""

    inside: httpx.AsyncBaseTransport
    name: str

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See AsyncBaseTransport."""
        attributes = {METHOD: request.method, PROVIDER: self.name}
        with client_span(f"{request.method} {self.name}", **attributes) as span:
            began = time.perf_counter()
            response = await self.inside.handle_async_request(request)
            span.set_attribute(HTTP_STATUS, response.status_code)
            took = round((time.perf_counter() - began) * 1000, 1)
            log.debug("answered", provider=self.name, method=request.method, status=response.status_code, ms=took)
            return response

    async def aclose(self) -> None:
        """See AsyncBaseTransport."""
        await self.inside.aclose()


def traced_transport(transport: httpx.AsyncBaseTransport, name: str) -> httpx.AsyncBaseTransport:
    """The transport to whoever has this name, with its requests in log and trace."""
    return TracedTransport(transport, name)
