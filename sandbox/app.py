"""The sandbox as one FastAPI application: every simulated vendor, the delivery host and the control endpoints."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import cast

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from sandbox import context, control, output_host
from sandbox.call import Refusal
from sandbox.config import SandboxConfig
from sandbox.faults.fault_board import UnknownFaultError
from sandbox.vendors.registry import simulated_vendors


def build_sandbox(config: SandboxConfig) -> FastAPI:
    """Serve it by `sandbox.server`: some faults need the TCP connection itself."""
    vendors = simulated_vendors()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with context.opened(config) as shared, AsyncExitStack() as stack:
            for name, vendor in vendors.items():
                if vendor.opened:
                    shared.services[name] = await stack.enter_async_context(vendor.opened(shared))
            app.state.context = shared
            yield

    middleware = [vendor.middleware(config) for vendor in vendors.values() if vendor.middleware]
    app = FastAPI(
        title="sandbox", lifespan=lifespan, middleware=middleware, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.include_router(control.router)
    app.include_router(output_host.router)
    for vendor in vendors.values():
        for router in vendor.routers:
            app.include_router(router)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(UnknownFaultError, _unknown_fault)
    return app


async def _refused(_: Request, refusal: Exception) -> Response:
    return cast(Refusal, refusal).response


async def _unknown_fault(_: Request, unknown: Exception) -> Response:
    body = {"title": "Unknown sandbox fault", "detail": str(unknown), "status": 400}
    return JSONResponse(body, 400, media_type="application/problem+json")
