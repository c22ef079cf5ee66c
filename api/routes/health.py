"""`/healthz`, `/readyz` and `/metrics`: liveness, readiness, and metrics for Prometheus."""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from aijobs.domain.errors import FieldError, NotReady
from api.dependencies import AppMetrics, AppReadiness, AppShutdown
from api.problems import problem_responses
from api.schemas.jobs import Health

router = APIRouter(tags=["health"])


STOPPING: Final = FieldError("/stopping", "This process is about to stop.")


@router.get("/healthz", summary="Ask whether the process lives", responses=problem_responses(503))
async def health(shutdown: AppShutdown) -> Health:
    """What a load balancer asks: 503 only while the process is about to stop, whatever else is missing."""
    if shutdown.is_given:
        raise NotReady(STOPPING)
    return Health(status="ok")


@router.get("/readyz", summary="Ask whether everything is there", responses=problem_responses(503))
async def ready(readiness: AppReadiness, shutdown: AppShutdown) -> Health:
    """503 names what is missing: `/database` (which must be writable), `/temporal`, `/namespace`,
    `/search_attributes`, `/queues/…` without a worker, `/store`, `/jobs` when no worker starts an accepted job, and
    `/stopping` when this process is about to stop.
    """
    if shutdown.is_given:
        raise NotReady(STOPPING)
    if missing := await readiness.missing():
        raise NotReady(*missing)
    return Health(status="ready")


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
async def scrape(request: Request, figures: AppMetrics) -> Response:
    """In the text format, or in OpenMetrics, whose latencies name traces. Figures of jobs are those of the whole
    installation, from any process.
    """
    text, media_type = await figures.exposition(request.headers.get("Accept", ""))
    return Response(text, media_type=media_type)
