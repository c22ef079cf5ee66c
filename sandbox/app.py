"""The sandbox as one FastAPI application: every simulated vendor, the delivery host and the control endpoints."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from sandbox import context, control, output_host
from sandbox.call import Refusal
from sandbox.config import SandboxConfig
from sandbox.faults.fault_board import UnknownFaultError
from sandbox.vendors.chat import routes as chat
from sandbox.vendors.replicate import file_routes, routes, service
from sandbox.vendors.replicate.rate_limits import Throttle
from sandbox.vendors.ttapi import routes as ttapi_routes
from sandbox.vendors.ttapi import worker as studio


def build_sandbox(config: SandboxConfig) -> FastAPI:
    """Serve it by `sandbox.server`: some faults need the TCP connection itself."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            context.opened(config) as shared,
            service.opened(shared) as replicate,
            studio.opened(shared) as midjourney,
        ):
            app.state.world = shared
            app.state.replicate = replicate
            app.state.ttapi = midjourney
            yield

    app = FastAPI(title="sandbox", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(control.router)
    app.include_router(output_host.router)
    app.include_router(routes.router)
    app.include_router(file_routes.router)
    app.include_router(chat.router)
    app.include_router(ttapi_routes.router)
    app.add_middleware(Throttle, limit=config.rate_limit)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(UnknownFaultError, _unknown_fault)
    return app


async def _refused(_: Request, refusal: Exception) -> Response:
    return cast(Refusal, refusal).response


async def _unknown_fault(_: Request, unknown: Exception) -> Response:
    body = {"title": "Unknown sandbox fault", "detail": str(unknown), "status": 400}
    return JSONResponse(body, 400, media_type="application/problem+json")
