"""`aijobs show`: all that is known of one job."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

import typer
from aijobs_client import ApiError
from rich.text import Text

from aijobs.domain.jobs.events import JobEvent
from aijobs.domain.lifecycle import JobStatus
from cli import console
from cli.api_client import ApiClient, Document, api_path
from cli.commands.logs import event_row
from cli.commands.webhook_views import show_deliveries
from cli.errors import CommandError
from cli.options import ApiOptions, AsJson, DataDir, JobCode, Key, Url, User
from cli.progress_view import waits_for
from cli.words.model_names import model_name
from cli.words.wording import label

DELIVERIES_SHOWN = 20


def show(
    code: JobCode,
    exchange: Annotated[
        bool, typer.Option("--exchange", help="Also what was sent to the provider, and its answer.")
    ] = False,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Show one job: how it stands and what it waits for, its outputs, cost, history and webhooks."""
    asyncio.run(_show(ApiOptions(url, key, user, data_dir), code, exchange=exchange, as_json=as_json))


async def _show(options: ApiOptions, code: str, *, exchange: bool, as_json: bool) -> None:
    async with options.api() as api:
        job = await api.get(api_path("jobs", code), {"expand": "exchange"} if exchange else {})
        events = await api.history(code)
        deliveries = await _deliveries(api, code)
        model = "" if as_json else await model_name(api, job)
    if as_json:
        told = [event.model_dump(mode="json") for event in events]
        console.show_json({**job, "events": told, "webhook_deliveries": deliveries})
    else:
        _show_job(job, model, exchange=exchange)
        _show_history(events)
        if deliveries:
            _headline("webhooks")
            show_deliveries(deliveries)


async def _deliveries(api: ApiClient, code: str) -> list[Document]:
    """The job's webhooks; none for a key that may not see them."""
    try:
        page = await api.get("/api/webhook-deliveries", {"job": code, "limit": DELIVERIES_SHOWN})
    except CommandError as refused:
        if isinstance(refused.__cause__, ApiError) and refused.__cause__.status == HTTPStatus.FORBIDDEN:
            return []
        raise
    found: list[Document] = page["data"]
    return found


def _show_job(job: Document, model: str, *, exchange: bool) -> None:
    console.say(Text(job["code"], style="bold"), console.status_text(JobStatus(job["job_status"])))
    console.show_pairs(_facts(job, model))
    for name in ("req_json", "resp_json") if exchange else ():
        _headline(name)
        console.show_document(job.get(name))


def _show_history(events: Sequence[JobEvent]) -> None:
    _headline("history")
    for event in events:
        console.say(*event_row(event))


def _headline(name: str) -> None:
    console.say("")
    console.say(Text(label(name), style="dim"))


def _facts(job: Document, model: str) -> list[tuple[str, str | Text]]:
    error = job.get("error")
    unit = job.get("unit_progress")
    return [
        ("model", f"{model} {job['model_version']} ({job['model_id']})"),
        ("user", str(job["user_id"])),
        ("progress", console.percent(job["overall_progress"])),
        ("this step", "" if unit is None else console.percent(unit) + _mark(job)),
        ("starts at", console.local_time(job.get("start_at"))),
        ("expires at", console.local_time(job.get("expires_at"))),
        ("began", console.local_time(job.get("req_time") or job.get("create_time"))),
        ("ended", console.local_time(job.get("resp_time"))),
        ("took", _duration(job)),
        ("metadata", "  ".join(f"{name}={value}" for name, value in (job.get("metadata") or {}).items())),
        ("made from", job.get("origin") or ""),
        ("can become", ", ".join(job.get("actions") or ())),
        ("review", "a person should look at the table" if job.get("needs_review") else ""),
        ("points", _points(job)),
        ("cost", _cost(job.get("cost"))),
        ("at provider", job.get("out_id") or ""),
        ("waits for", waits_for(job.get("waiting"))),
        ("usually", _estimate(job.get("estimate"))),
        ("error", f"{error['message']} ({error['stage']}, {error['code']})" if error else ""),
        *(("output", _output_line(output)) for output in job.get("outputs") or ()),
    ]


def _output_line(output: Document) -> str:
    dimensions = console.pixels(output.get("width"), output.get("height"))
    duration = (output.get("media") or {}).get("duration")
    lasts = "" if duration is None else console.seconds(duration)
    parts = (output["media_type"], dimensions, lasts, console.size(output["size"]), output["url"])
    return "  ".join(filter(None, parts))


def _points(job: Document) -> str:
    kept = job.get("charged")
    return str(job["points"]) if kept is None else f"{job['points']}, of which {kept} charged"


def _mark(job: Document) -> str:
    return " (estimated)" if job.get("progress_estimated") else ""


def _estimate(estimate: Document | None) -> str:
    """How long such jobs take, and when this one should end."""
    if estimate is None:
        return ""
    usual, slow = console.seconds(estimate["usual_seconds"]), console.seconds(estimate["slow_seconds"])
    ends = estimate.get("estimated_end")
    end = f"this one ends about {console.local_time(ends)}" if ends else "this one takes longer than nearly all"
    return f"{usual}, 90 % within {slow}; {end}"


def _cost(cost: Document | None) -> str:
    return "" if cost is None else f"{cost['amount']} {cost['currency']} at the vendor (by its {cost['source']})"


def _duration(job: Document) -> str:
    return "" if job.get("cost_time") is None else console.seconds(job["cost_time"])
