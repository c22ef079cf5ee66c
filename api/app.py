"""The API's composition root: the routes, their dependencies, and the middleware."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp

from aijobs.bootstrap import Adapters, open_adapters
from aijobs.domain.ports.workflow_control import JobEngine
from aijobs.hosts.host_view import HostView
from aijobs.logs.levels import FollowedLevels
from aijobs.persistence.access.first_key import ensure_first_key
from aijobs.persistence.access.installation import installation_id
from aijobs.persistence.access.keys import list_keys
from aijobs.persistence.documents.templates import install_templates
from aijobs.persistence.processes import ProcessRole, aijobs_version, registered
from aijobs.process_tuning import share_the_interpreter, shorten_collections
from aijobs.settings import Settings
from aijobs.tracing.export import exporting_traces
from api import openapi as documentation
from api.auth.credentials import valid_credentials
from api.auth.wrong_keys import WrongKeys
from api.connections.access_log import TELEMETRY, AccessLog
from api.connections.allowed_hosts import AllowedHosts
from api.connections.cors import with_cors
from api.connections.limits import ConnectionLimits
from api.connections.middleware import HEALTH_PATHS, ApiMiddleware
from api.connections.rate_limits.rate_limits import RateLimits
from api.connections.shutdown_notice import ShutdownNotice
from api.connections.turns import Turns
from api.dependencies import ApiDependencies
from api.health.metrics import WRONG_KEYS, Metrics
from api.health.readiness import Readiness
from api.problems import add_problem_handlers, connection_problem, problem_response
from api.requests.uploads import body_limits
from api.routes import (
    asyncapi,
    audit,
    batch_events,
    batch_results,
    batches,
    catalogue,
    credentials,
    document_reviews,
    event_log,
    events,
    extracted_rows,
    files,
    health,
    incoming_webhooks,
    jobs,
    keys,
    outputs,
    pauses,
    payload_codec,
    photo_reviews,
    points,
    progress,
    reruns,
    resolve,
    security_contact,
    sessions,
    signed_objects,
    template_upload,
    templates,
    tickets,
    tokens,
    users,
    webhook_deliveries,
    webhook_endpoints,
    websocket,
)
from api.schemas.examples import add_examples
from api.server import serving
from api.streaming.hub import EventHub
from dashboard.routes import add_pages, with_error_pages
from workflows.client import TemporalJobEngine, connect
from workflows.namespace.connection import temporal_certificates

ROUTES: Final = (
    jobs,
    batches,
    batch_events,
    batch_results,
    reruns,
    resolve,
    pauses,
    users,
    audit,
    events,
    event_log,
    tickets,
    websocket,
    asyncapi,
    progress,
    outputs,
    files,
    photo_reviews,
    points,
    catalogue,
    credentials,
    templates,
    extracted_rows,
    document_reviews,
    template_upload,
    tokens,
    sessions,
    keys,
    incoming_webhooks,
    webhook_endpoints,
    webhook_deliveries,
    signed_objects,
    health,
    security_contact,
    payload_codec,
    documentation,
)
NO_KEY_HINT: Final = "With AIJOBS_DATABASE_URL no first key is made. `aijobs keys create NAME` makes one."

log = structlog.get_logger()


class Api(FastAPI):
    """The FastAPI application with its state and middleware."""

    def __init__(self, dependencies: ApiDependencies) -> None:
        super().__init__(
            title=documentation.TITLE,
            description=documentation.DESCRIPTION,
            version="1",
            openapi_tags=documentation.TAGS,
            license_info=documentation.LICENSE,
            servers=[{"url": dependencies.base_url}],
            generate_unique_id_function=documentation.operation_id,
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            telemetry=TELEMETRY,
            lifespan=lambda app: _streaming(dependencies, app.state.rate_limits),
        )
        self._describing = threading.Lock()
        self.state.dependencies = dependencies
        self.state.readiness = Readiness(dependencies.database, dependencies.engine, dependencies.store)
        self.state.metrics = Metrics(
            dependencies.database, dependencies.catalogue, dependencies.streams, dependencies.engine
        )
        self.state.access = dependencies.access
        self.state.shutdown = ShutdownNotice()
        self._settings = dependencies.settings
        self._base_url = dependencies.base_url
        refused = self.state.metrics.refused
        self.state.rate_limits = RateLimits(dependencies.rate_limits, on_refused=refused)
        self.state.metrics.expect_refusals(self.state.rate_limits.names)
        self.state.wrong_keys = WrongKeys(
            per_address=self._settings.wrong_keys_per_address,
            per_key=self._settings.wrong_keys_per_key,
            on_refused=partial(refused, WRONG_KEYS),
        )
        self._hosts = AllowedHosts(dependencies.base_url, self._settings.allowed_hosts)
        self._refusal = partial(problem_response, dependencies.base_url)
        self.state.refusal = partial(connection_problem, dependencies.base_url)

    def build_middleware_stack(self) -> ASGIApp:
        inside = with_cors(
            super().build_middleware_stack(), self._settings.allowed_origins, web_ui=self._settings.web_ui_origin
        )
        checked = ApiMiddleware(
            inside,
            hosts=self._hosts,
            refusal=self._refusal,
            shutdown=self.state.shutdown,
            body_limit=self._settings.max_body_bytes,
            body_limits=body_limits(self._settings.max_upload_bytes),
            is_behind_tls=self._base_url.startswith("https://"),
        )
        return AccessLog(
            Turns(with_error_pages(checked), exempt=HEALTH_PATHS),
            observe=self.state.metrics.observe_request,
            writes=self._settings.access_log,
        )

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, built once since anyone may request it. That takes a while: call it in a thread."""
        with self._describing:
            if self.openapi_schema is None:
                self.openapi_schema = documentation.completed_schema(super().openapi())
                add_examples(self.openapi_schema)
            return self.openapi_schema


@asynccontextmanager
async def _streaming(dependencies: ApiDependencies, rate_limits: RateLimits) -> AsyncIterator[None]:
    valid_among = partial(valid_credentials, dependencies.database, session_idle=dependencies.settings.session_idle)
    async with (
        dependencies.key_uses.written(dependencies.database),
        dependencies.live.running(),
        dependencies.streams.watched(valid_among),
    ):
        try:
            yield
        finally:
            await dependencies.starter.close()
            await rate_limits.close()


def build_app(dependencies: ApiDependencies) -> Api:
    """The app with these dependencies. While it runs, its event hub follows the database."""
    app = Api(dependencies)
    add_problem_handlers(app, base_url=dependencies.base_url)
    for route in ROUTES:
        app.include_router(route.router)
    add_pages(app)
    return app


def dependencies_over(adapters: Adapters, engine: JobEngine) -> ApiDependencies:
    """The dependencies of the routes, made of open adapters."""
    settings = adapters.settings
    return ApiDependencies(
        database=adapters.database,
        catalogue=adapters.catalogue,
        providers=adapters.providers,
        generators=adapters.generators,
        store=adapters.store,
        documents=adapters.documents,
        costs=adapters.costs,
        served=adapters.served,
        tables=adapters.tables,
        engine=engine,
        live=EventHub(adapters.database),
        secret=adapters.secret,
        base_url=settings.base_url,
        daily_limit=settings.points.daily_limit,
        limits=settings.limits,
        settings=settings.api,
        all_settings=settings,
        rate_limits=settings.rate_limits,
        webhook_url_error=adapters.webhook_url_error,
        payload_keys=settings.payloads.ring,
        pictures=adapters.pictures,
        media=adapters.media,
        sandbox_url=settings.sandbox,
    )


async def run_api(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set. Temporal is connected to when it is first needed.

    Raises OSError when the port is taken.
    """
    share_the_interpreter()
    async with (
        exporting_traces(settings.traces, role=ProcessRole.API, version=aijobs_version()),
        open_adapters(settings) as adapters,
    ):
        await install_templates(adapters.database, settings.load_templates())
        if settings.database_url is None:  # embedded: no other process could make one
            await ensure_first_key(adapters.database, adapters.secret, settings.data_dir)
        elif not await list_keys(adapters.database):
            log.warning("no_key_yet", hint=NO_KEY_HINT)
        installation = await adapters.database.write(installation_id)
        api = dependencies_over(
            adapters, TemporalJobEngine(partial(connect, settings.payloads.ring), installation=installation)
        )
        app = build_app(api)
        documentation.serialized_document(app)  # now, so that no request holds others up for it
        async with (
            registered(
                adapters.database,
                ProcessRole.API,
                follow_levels=FollowedLevels(settings.log.levels).follow,
                facts=HostView(settings, temporal_certificates, public=True).facts,
            ),
            serving(
                app,
                api.live,
                host=settings.api.host,
                port=settings.api.port,
                streams=settings.api.streams,
                connections=ConnectionLimits(
                    per_address=settings.api.connections_per_address, proxies=settings.api.trusted_proxies
                ),
            ),
        ):
            shorten_collections()
            await stop.wait()
            await app.state.shutdown.give(settings.api.shutdown_notice)
