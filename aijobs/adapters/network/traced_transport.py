"""An HTTP client's transport whose requests are part of the trace, and do not tell the other side of it."""

from dataclasses import dataclass

import httpx

from aijobs.tracing.spans import HTTP_STATUS, METHOD, PROVIDER, client_span, is_on


@dataclass(frozen=True)
class TracedTransport(httpx.AsyncBaseTransport):
    """Tells when a request was sent, when the answer began, and its status; of the address nothing."""

    inside: httpx.AsyncBaseTransport
    name: str

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See AsyncBaseTransport."""
        attributes = {METHOD: request.method, PROVIDER: self.name}
        with client_span(f"{request.method} {self.name}", **attributes) as span:
            response = await self.inside.handle_async_request(request)
            span.set_attribute(HTTP_STATUS, response.status_code)
            return response

    async def aclose(self) -> None:
        """See AsyncBaseTransport."""
        await self.inside.aclose()


def traced_transport(transport: httpx.AsyncBaseTransport, name: str) -> httpx.AsyncBaseTransport:
    """The transport to whoever has this name; where traces are kept, one whose requests are part of them."""
    return TracedTransport(transport, name) if is_on() else transport
