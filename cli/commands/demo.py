"""`aijobs demo`: a photo upscaled or judged, pictures drawn, or a document read, with a temporary installation.

It leaves nothing running.
"""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer
from PIL import Image
from rich.text import Text

from aijobs.domain.lifecycle import JobStatus
from aijobs.process_settings import ApiSettings
from cli import console
from cli.api_client import ApiClient, Document, opened_api_client
from cli.commands.up import DEFAULT_DIR, UI_PORT, announced_installation
from cli.commands.watch import EXIT_OF, follow
from cli.embedded.installation import Installation
from cli.embedded.ports import free_ports
from cli.embedded.processes import kill_all
from cli.embedded.services import ServicePlan
from cli.errors import CommandError, Exit
from cli.options import DataDir, api_key
from cli.progress_view import opened_progress_view
from cli.signals import run_until_signal
from cli.words.model_names import model_name

SAMPLES: Final = Path(__file__).parents[1] / "samples"
PHOTO: Final = SAMPLES / "sample.jpg"
CATALOGUE: Final = SAMPLES / "demo.toml"
UPSCALE: Final = "replicate_imageupscale_v1"
FACTOR: Final = 2
MIDJOURNEY: Final = "ttapi_midjourney_v7"
PROMPT: Final = "a lighthouse above the clouds, first light"
ENLARGE: Final = "upsample2"
EXTRACT: Final = "document_extract_v1"
CONTRACT: Final = SAMPLES / "sample.txt"
TEMPLATE: Final = "contract_zh"
INVOICE: Final = SAMPLES / "invoice.jpg"
INVOICE_TEMPLATE: Final = "invoice_en"
PACE: Final = ("--queue-seconds", "1.5", "--work-seconds", "4")
TIMEOUT: Final = timedelta(minutes=10)


@dataclass(frozen=True)
class Picture:
    """A picture file, measured."""

    path: Path
    width: int
    height: int
    size: int

    @classmethod
    def at(cls, path: Path) -> "Picture":
        with Image.open(path) as picture:
            return cls(path, picture.width, picture.height, path.stat().st_size)

    def __str__(self) -> str:
        pixels, size = console.pixels(self.width, self.height), console.size(self.size)
        return f"{pixels:<10} {size:>7}   {console.short(self.path)}"


Work = Callable[[ApiClient], Awaitable[list[Document]]]


def demo(
    data_dir: DataDir = None,
    midjourney: Annotated[
        bool, typer.Option("--midjourney", help="Draw four pictures and enlarge one, instead of upscaling a photo.")
    ] = False,
    document: Annotated[
        bool, typer.Option("--document", help="Turn a contract into a table, stage by stage, instead.")
    ] = False,
    scan: Annotated[
        bool, typer.Option("--scan", help="Recognise a photographed invoice and turn it into a table, instead.")
    ] = False,
    photo: Annotated[bool, typer.Option("--photo", help="Have a photo reviewed, then beautified, instead.")] = False,
) -> None:
    """Upscale or review a photo, draw four pictures, or read a contract or a photographed invoice, from nothing.

    Starts everything on free ports, shows every status as it happens, and stops everything. Uses the
    sandbox, whatever is set: it costs nothing and touches no other installation. The result stays.
    """
    chosen = [
        name
        for name, is_chosen in (("midjourney", midjourney), ("document", document), ("scan", scan), ("photo", photo))
        if is_chosen
    ]
    if len(chosen) > 1:
        raise CommandError(f"One demo at a time: {' or '.join(f'--{name}' for name in chosen)}.")
    work, results_of = DEMOS[chosen[0] if chosen else "upscale"]
    began = time.monotonic()
    folder = (data_dir or DEFAULT_DIR / "demo").resolve()
    _forget_settings()
    jobs = asyncio.run(run_until_signal(_run(folder, work), on_second_signal=kill_all))
    if jobs is None:
        raise typer.Exit(Exit.INTERRUPTED)
    _show(folder, jobs, results_of(folder, jobs), took=time.monotonic() - began)


def _forget_settings() -> None:
    """A demo must neither spend money nor write to another database."""
    for name in [name for name in os.environ if name.startswith(("AIJOBS_", "TEMPORAL_"))]:
        del os.environ[name]
    os.environ["AIJOBS_CATALOGUE"] = str(CATALOGUE)
    os.environ["AIJOBS_POINTS__DAILY_LIMIT"] = str(10**9)


async def _run(folder: Path, work: Work) -> list[Document]:
    api_port, temporal_port, ui_port, sandbox_port = free_ports(4)
    plan = ServicePlan(
        data_dir=folder,
        api_port=api_port,
        temporal_port=temporal_port,
        ui_port=ui_port,
        sandbox_port=sandbox_port,
        sandbox_pace=PACE,
    )
    try:
        async with asyncio.timeout(TIMEOUT.total_seconds()), announced_installation(plan) as installation:
            return await _run_with_api(work, installation)
    except TimeoutError as too_slow:
        raise CommandError(
            f"The demo is not done after {console.seconds(TIMEOUT.total_seconds())}.",
            hint=f"The logs are in {console.short(folder / 'logs')}.",
        ) from too_slow


async def _run_with_api(work: Work, installation: Installation) -> list[Document]:
    async with opened_api_client(url=installation.plan.api_url, key=api_key(installation.settings)) as api:
        return await work(api)


async def _upscale(api: ApiClient) -> list[Document]:
    file = await api.upload(PHOTO)
    params = {"image": file["code"], "upscale_factor": FACTOR}
    return [await _submit_and_follow(api, {"model_id": UPSCALE, "params": params}, f"×{FACTOR}: {PHOTO.name}")]


async def _draw(api: ApiClient) -> list[Document]:
    """A grid and its four pictures, then one of them enlarged: an action that the first job offers."""
    drawn = await _submit_and_follow(
        api, {"model_id": MIDJOURNEY, "params": {"prompt": PROMPT, "aspect": "3:2"}}, PROMPT
    )
    action = {"model_id": MIDJOURNEY, "action": ENLARGE, "params": {"origin": drawn["code"]}}
    return [drawn, await _submit_and_follow(api, action, f"{ENLARGE} of {drawn['code']}")]


async def _extract(api: ApiClient) -> list[Document]:
    return await _extract_from(api, CONTRACT, TEMPLATE)


async def _recognise(api: ApiClient) -> list[Document]:
    return await _extract_from(api, INVOICE, INVOICE_TEMPLATE)


async def _extract_from(api: ApiClient, path: Path, template: str) -> list[Document]:
    """The stages of a shipped template, each a question to the model, in one conversation."""
    file = await api.upload(path)
    params = {"file": file["code"], "template": template}
    return [await _submit_and_follow(api, {"model_id": EXTRACT, "params": params}, f"{template}: {path.name}")]


async def _review(api: ApiClient) -> list[Document]:
    """A photo is reviewed, then beautified: the two jobs, then the review."""
    file = await api.upload(PHOTO)
    review = await api.post("/api/photo-reviews", {"file": file["code"]})
    address = f"/api/photo-reviews/{review['code']}"
    judged = await _follow_to_success(api, await api.get(f"/api/jobs/{review['job_code']}"), PHOTO.name)
    request = {"model_id": UPSCALE, "params": {"upscale_factor": FACTOR}}
    beautified = await _follow_to_success(
        api, await api.post(f"{address}/beautify", request), f"×{FACTOR}: {PHOTO.name}"
    )
    return [judged, beautified, await api.get(address)]


async def _submit_and_follow(api: ApiClient, request: Document, title: str) -> Document:
    """A new job, once it has succeeded."""
    return await _follow_to_success(api, await api.post("/api/jobs", request), title)


async def _follow_to_success(api: ApiClient, accepted: Document, title: str) -> Document:
    """The job, once it has succeeded. Raises CommandError when it ends otherwise."""
    console.say("")
    console.say(Text(accepted["code"], style="bold"), await model_name(api, accepted), title)
    console.say("")
    with opened_progress_view() as view:
        job = await follow(api, accepted["code"], view)
    status = JobStatus(job["job_status"])
    if status is not JobStatus.SUCCESS:
        reason = (job.get("error") or {}).get("message", "no reason is given")
        raise CommandError(f"The job ended {status.name}: {reason}", code=EXIT_OF[status])
    return job


Results = list[tuple[str, str]]


def _upscale_results(folder: Path, jobs: list[Document]) -> Results:
    return [("Before", str(Picture.at(PHOTO))), ("After", str(_pictures_of(folder, jobs[0])[0]))]


def _draw_results(folder: Path, jobs: list[Document]) -> Results:
    grid, *singles = _pictures_of(folder, jobs[0])
    pictures = [(f"Picture {number}", str(single)) for number, single in enumerate(singles, 1)]
    return [("Grid", str(grid)), *pictures, ("Enlarged", str(_pictures_of(folder, jobs[1])[0]))]


def _extract_results(folder: Path, jobs: list[Document]) -> Results:
    """The table's cells, and the files."""
    excel, answer = _outputs_of(folder, jobs[0])
    rows = json.loads(answer.read_text("utf-8"))["rows"]
    cells = [(name, "" if value is None else str(value)) for row in rows for name, value in row.items()]
    return [*cells, ("Contract", console.short(CONTRACT)), *_files(excel, answer)]


def _recognise_results(folder: Path, jobs: list[Document]) -> Results:
    """A line for each row of the table, and the files."""
    excel, answer = _outputs_of(folder, jobs[0])
    rows = json.loads(answer.read_text("utf-8"))["rows"]
    lines = [(f"Row {number}", " | ".join(str(value) for value in row.values())) for number, row in enumerate(rows, 1)]
    return [("Columns", " | ".join(rows[0])), *lines, ("Photo", console.short(INVOICE)), *_files(excel, answer)]


def _files(excel: Path, answer: Path) -> Results:
    return [("Excel", console.short(excel)), ("JSON", console.short(answer))]


def _review_results(folder: Path, jobs: list[Document]) -> Results:
    """The review of the photo, and the photo before and after."""
    _, beautified, review = jobs
    analysis = review["analysis"]
    scores = [
        (name.capitalize(), f"{'–' if aspect['score'] is None else aspect['score']:>3}   {aspect['comment']['en']}")
        for name, aspect in analysis["aspects"].items()
    ]
    before = Picture.at(folder / "store" / "files" / f"{review['file_code']}.jpg")
    return [
        *scores,
        ("Overall", f"{analysis['overall']:>3}   {analysis['summary']['en']}"),
        ("Before", str(before)),
        ("After", str(_pictures_of(folder, beautified)[0])),
    ]


def _pictures_of(folder: Path, job: Document) -> list[Picture]:
    return [Picture.at(path) for path in _outputs_of(folder, job)]


def _outputs_of(folder: Path, job: Document) -> list[Path]:
    return sorted((folder / "store" / "outputs" / job["code"]).iterdir())


#: What each demo does, and what it shows at the end.
DEMOS: Final[Mapping[str, tuple[Work, Callable[[Path, list[Document]], Results]]]] = {
    "upscale": (_upscale, _upscale_results),
    "midjourney": (_draw, _draw_results),
    "document": (_extract, _extract_results),
    "scan": (_recognise, _recognise_results),
    "photo": (_review, _review_results),
}


def _show(folder: Path, jobs: list[Document], results: Results, *, took: float) -> None:
    working = sum(job["cost_time"] for job in jobs if "cost_time" in job)
    subject = "the job" if len(jobs) == 1 else "the jobs"
    reviews = [
        f"http://127.0.0.1:{ApiSettings().port}/documents/{job['code']}/review"
        for job in jobs
        if job.get("needs_review")
    ]
    web_ui = f"http://127.0.0.1:{UI_PORT}/namespaces/default/workflows/{jobs[0]['code']}"
    console.say("")
    console.show_pairs(
        [
            *results,
            ("Took", f"{console.seconds(working)} {subject}, {console.seconds(took)} with starting and stopping"),
            *(("Review", Text(review, style="cyan")) for review in reviews),
            ("Web UI", Text(web_ui, style="cyan")),
            ("", Text(f"only while `aijobs up --data-dir {console.short(folder)}` runs", style="dim")),
        ]
    )
    console.say("")
    console.say(console.OK, "Nothing is left running.")
