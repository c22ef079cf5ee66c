"""Stands before a Temporal server as Temporal Cloud does: TLS, client certificates or API keys, no operators' calls."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, NoReturn, TypeAlias

import grpc
import trustme

from cli.embedded.ports import HOST

#: What Temporal Cloud refuses: namespaces and search attributes are made by its own tools.
REFUSED: Final = (
    "/temporal.api.operatorservice.",
    "/temporal.api.workflowservice.v1.WorkflowService/RegisterNamespace",
)
OF_THE_CONNECTION: Final = ("user-agent", "authorization", "grpc-", ":")
LIMITS: Final = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
Call = Callable[[bytes, Context], Awaitable[bytes]]


@dataclass
class CloudFront:
    """`seen` is each call's method and its header `authorization`."""

    address: str = ""
    api_key: str | None = None
    seen: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def methods(self) -> set[str]:
        return {method.rpartition("/")[2] for method, _ in self.seen}

    @property
    def authorizations(self) -> set[str | None]:
        return {authorization for _, authorization in self.seen}


class _Forwarding(grpc.GenericRpcHandler):
    """Passes each call on as bytes. All calls of Temporal's clients have one request and one answer."""

    def __init__(self, front: CloudFront, channel: grpc.aio.Channel) -> None:
        self._front = front
        self._channel = channel

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        return grpc.unary_unary_rpc_method_handler(self._call(details.method))

    def _call(self, method: str) -> Call:
        pass_on: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(method)

        async def call(request: bytes, context: Context) -> bytes:
            metadata = [(str(name), value) for name, value in context.invocation_metadata() or ()]
            authorization = next((str(value) for name, value in metadata if name == "authorization"), None)
            self._front.seen.append((method, authorization))
            if self._front.api_key and authorization != f"Bearer {self._front.api_key}":
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, "Request unauthorized.")
            if method.startswith(REFUSED):
                await context.abort(grpc.StatusCode.PERMISSION_DENIED, "Request unauthorized.")
            passed = [(name, value) for name, value in metadata if not name.startswith(OF_THE_CONNECTION)]
            try:
                answer: bytes = await pass_on(request, metadata=passed, timeout=context.time_remaining())
            except grpc.aio.AioRpcError as refused:
                await _refuse(context, refused)
            return answer

        return call


async def _refuse(context: Context, refused: grpc.aio.AioRpcError) -> NoReturn:
    await context.abort(refused.code(), refused.details() or "", tuple(refused.trailing_metadata() or ()))
    raise AssertionError("abort has returned")


@asynccontextmanager
async def cloud_front(
    temporal: str,
    certificate: trustme.LeafCert,
    *,
    clients_of: trustme.CA | None = None,
    api_key: str | None = None,
) -> AsyncIterator[CloudFront]:
    """Before the server at this address. `clients_of`: whose clients alone are let in, by their certificates."""
    chain = b"".join(part.bytes() for part in certificate.cert_chain_pems)
    credentials = grpc.ssl_server_credentials(
        [(certificate.private_key_pem.bytes(), chain)],
        root_certificates=clients_of.cert_pem.bytes() if clients_of else None,
        require_client_auth=clients_of is not None,
    )
    front = CloudFront(api_key=api_key)
    async with grpc.aio.insecure_channel(temporal, options=LIMITS) as channel:
        server = grpc.aio.server(options=LIMITS)
        server.add_generic_rpc_handlers([_Forwarding(front, channel)])
        front.address = f"{HOST}:{server.add_secure_port(f'{HOST}:0', credentials)}"
        await server.start()
        try:
            yield front
        finally:
            await server.stop(None)
