"""Whether we live, whether everything that we need is there, and the figures that instruments show."""

from fastapi import APIRouter
from fastapi.responses import Response

from aijobs.domain.errors import NotReady
from api.dependencies import AppMetrics, AppReadiness
from api.health import metrics
from api.problems import problem_responses
from api.schemas.jobs import Health

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Ask whether the process lives")
async def health() -> Health:
    return Health(status="ok")


@router.get("/readyz", summary="Ask whether everything is there", responses=problem_responses(503))
async def ready(readiness: AppReadiness) -> Health:
    """503 names what is missing: `/database` (which must be writable), `/temporal`, `/namespace`,
    `/search_attributes`, `/queues/…` without a worker, `/store`, and `/jobs` when none is taken up.
    """
    if missing := await readiness.missing():
        raise NotReady(*missing)
    return Health(status="ready")


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **problem_responses(503)},
)
async def scrape(figures: AppMetrics) -> Response:
    """In the text format. Figures of jobs are those of the whole installation, whichever process is asked."""
    return Response(await figures.exposition(), media_type=metrics.MEDIA_TYPE)
