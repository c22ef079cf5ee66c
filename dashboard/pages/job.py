"""The page of one job: what it does now, its input, its outputs, its log, and what was paid for it."""

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from aijobs.domain.catalogue import Model
from aijobs.domain.ports.workflow_control import JobEngine
from aijobs.domain.values.ids import new_id
from aijobs.domain.values.redaction import without_secrets
from aijobs.persistence.column_types import now
from aijobs.persistence.generation_times import estimate_of, is_estimated
from aijobs.persistence.jobs.waiting import waiting_of
from aijobs.persistence.tables import JobRow
from aijobs.process_settings import ApiSettings
from aijobs.usecases.follow_up import actions_of
from aijobs.usecases.models import AvailableModels
from api.dependencies import Engine, Models, Settings
from api.requests.paths import JobCode
from dashboard.page import PageRequest, PageRoute, Visiting
from dashboard.pages.job_document import document_of
from dashboard.pages.job_input import input_of
from dashboard.pages.job_now import Now, now_of, step_now
from dashboard.pages.job_outputs import shown_output
from dashboard.pages.job_results import MissingResults, missing_results
from dashboard.pages.job_timeline import timeline_of
from dashboard.pages.job_view import JobView, load_view
from dashboard.pages.temporal_links import job_in_temporal

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True)
class JobPage:
    """What the page of a job is made from, for one visitor."""

    visit: PageRequest
    models: AvailableModels
    engine: JobEngine
    settings: ApiSettings

    async def context(self, code: str) -> dict[str, Any]:
        view = await load_view(self.visit, code, self.models)
        row, model = view.row, self.models.known(view.row.model_id)
        return {
            "view": view,
            "job": row,
            "now": await self._now(view, model),
            "finds_lost": self._finds_lost(model),
            "is_estimated": is_estimated(row, model),
            "estimate": estimate_of(row, view.times, at=now()),
            "document": await document_of(self.visit, row, view.outputs),
            "input": await input_of(self.visit, row),
            "missing": self._missing(view, model),
            "outputs": [await shown_output(self.visit, output) for output in view.outputs],
            "timeline": timeline_of(view.events, row.job_status, until=now()),
            "exchange": _exchange(row),
            "stream": f"/api/events?{urlencode({'code': code})}",
            "temporal": job_in_temporal(self.settings, code),
            "offered": actions_of(self.models, row),
            "can_edit": model is not None and not row.action,
            "idempotency_key": new_id("form"),
        }

    async def _now(self, view: JobView, model: Model | None) -> Now | None:
        row = view.row
        if row.job_status.is_final and not view.is_watched_late:
            return None
        step = await step_now(self.engine, row.code, is_late=view.is_watched_late)
        waiting = waiting_of(row, model, at=now(), times=view.times, place=view.place)
        return now_of(row, model, waiting=waiting, step=step, events=view.events, is_held=view.is_held)

    def _missing(self, view: JobView, model: Model | None) -> MissingResults | None:
        capabilities = self.models.capabilities_of(model) if model else None
        return missing_results(view.row, capabilities, count=len(view.outputs), is_held=view.is_held, at=now())

    def _finds_lost(self, model: Model | None) -> bool:
        """Whether the provider of a model can be asked for work whose answer was lost."""
        capabilities = self.models.capabilities_of(model) if model else None
        return capabilities is not None and capabilities.reconcile_window is not None


async def _job_page(visit: Visiting, models: Models, engine: Engine, settings: Settings) -> JobPage:
    return JobPage(visit, models, engine, settings)


Page = Annotated[JobPage, Depends(_job_page)]


@router.get("/jobs/{code}")
async def show_job(code: JobCode, page: Page) -> HTMLResponse:
    return await page.visit.page("job.html", current="jobs", **await page.context(code))


@router.get("/jobs/{code}/live")
async def repaint_job(code: JobCode, page: Page) -> HTMLResponse:
    """The part of the page that changes."""
    return await page.visit.page("pieces/job.html", **await page.context(code))


def _exchange(job: JobRow) -> dict[str, Any]:
    """The last request and its answer; texts of several lines in the answer, such as logs, apart and as they are."""
    answer = without_secrets(job.resp_json)
    texts = [(name, text) for name, text in (answer or {}).items() if isinstance(text, str) and "\n" in text]
    rest = {name: value for name, value in (answer or {}).items() if name not in dict(texts)}
    return {"request": without_secrets(job.req_json), "answer": rest, "texts": texts}
