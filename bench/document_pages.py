"""Pages of PDFs, with text or scanned: pages per second, memory. `python -m bench.document_pages WAY PATH PAGES`."""

import asyncio
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Final

import pypdfium2
from PIL import Image, ImageDraw, ImageFont
from pydantic import BaseModel
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from aijobs.adapters.documents import parser_process
from aijobs.adapters.documents.parse_request import ParseRequest
from aijobs.adapters.documents.settings import DocumentSettings, RecognitionSettings
from aijobs.adapters.documents.texts.recognition.page_request import RecognitionRequest
from aijobs.adapters.documents.texts.recognition.process import run
from bench.report import Aim, Report, ratio
from bench.rig.resource_usage import peak_memory

MEGABYTE: Final = 1_000_000
ROUNDS: Final = 3
TIMEOUT_SECONDS: Final = 600
LINES: Final = 40  #: of a page
ITEM: Final = ("Laser rangefinder LR-20", "4", "1,250.00", "5,000.00")
COLUMNS: Final = (60, 260, 340, 440)  #: points
A4: Final = (595, 842)


class PagesResult(BaseModel):
    """`seconds` of work, of which `processor` were of this process; `peak` is its peak memory in bytes."""

    seconds: float
    processor: float
    peak: int


def our_text(path: Path, pages: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "text"
        request = ParseRequest(path=path, name="a.pdf", target=target, settings=DocumentSettings())
        assert parser_process.run(request).error is None
        assert target.read_text("utf-8").count("Laser") == pages * LINES


def bare_text(path: Path, pages: int) -> None:
    with pypdfium2.PdfDocument(path) as document:
        texts = [page.get_textpage().get_text_bounded() for page in document]
    assert sum(text.count("Laser") for text in texts) == pages * LINES


def scanned(path: Path, pages: int) -> None:
    request = RecognitionRequest(path=path, pages=tuple(range(1, pages + 1)), settings=RecognitionSettings())
    for page in run(request):
        assert page.text.count("Laser") == LINES


WAYS: Final[Mapping[str, Callable[[Path, int], None]]] = {
    "text, aijobs": our_text,
    "text, bare": bare_text,
    "scan, aijobs": scanned,
}


async def measure(*, quick: bool) -> Report:
    text_pages, scan_pages, rounds = (10, 1, 1) if quick else (100, 5, ROUNDS)
    with tempfile.TemporaryDirectory() as folder:
        text, scan = Path(folder) / "text.pdf", Path(folder) / "scan.pdf"
        text.write_bytes(_pdf(text_pages, _text_page))
        scan.write_bytes(_pdf(scan_pages, _scanned_page))
        results: dict[str, list[PagesResult]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way, outcomes in results.items():
                is_scan = way.startswith("scan")
                outcomes.append(
                    await _in_a_process(way, scan if is_scan else text, scan_pages if is_scan else text_pages)
                )
    return _report(results, {"text": text_pages, "scan": scan_pages})


def _report(results: Mapping[str, list[PagesResult]], pages: Mapping[str, int]) -> Report:
    def of(way: str, name: str) -> float:
        return median(float(getattr(outcome, name)) for outcome in results[way])

    limit = RecognitionSettings()
    peak, per_page = of("scan, aijobs", "peak"), of("scan, aijobs", "processor") / pages["scan"]
    return Report(
        title=f"document_pages: {pages['text']} pages of text and {pages['scan']} scanned ones, {LINES} lines each",
        how=f"Medians of {len(results['scan, aijobs'])} interleaved rounds, a process of its own for each. Bare is "
        "PDFium's own text, row by row without columns; scanned pages are recognised one after the other, with loading "
        "the models.",
        columns=("", "pages/s", "processor s/page", "peak memory"),
        rows=[
            *(
                (
                    way,
                    f"{pages[way[:4]] / of(way, 'seconds'):,.2f}",
                    f"{of(way, 'processor') / pages[way[:4]]:.3f}",
                    f"{of(way, 'peak') / MEGABYTE:.0f} MB",
                )
                for way in WAYS
            ),
            ("text, aijobs / bare", ratio(of("text, bare", "seconds"), of("text, aijobs", "seconds")), "", ""),
        ],
        aims=[
            Aim(f"recognising stays below its limit of memory: {peak / MEGABYTE:.0f} MB", peak < limit.memory_bytes),
            Aim(
                f"a page stays below half of its processor time: {per_page:.1f} s",
                per_page < limit.processor_time.total_seconds() / 2,
            ),
        ],
    )


def _pdf(pages: int, draw: Callable[[Canvas], None]) -> bytes:
    target = io.BytesIO()
    canvas = Canvas(target)
    for _ in range(pages):
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def _text_page(canvas: Canvas) -> None:
    for line in range(LINES):
        for text, left in zip(ITEM, COLUMNS, strict=True):
            canvas.drawString(left, 800 - 18 * line, text)


def _scanned_page(canvas: Canvas) -> None:
    scale = 200 / 72
    picture = Image.new("L", (round(A4[0] * scale), round(A4[1] * scale)), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(11 * scale)
    for line in range(LINES):
        for text, left in zip(ITEM, COLUMNS, strict=True):
            draw.text((left * scale, (40 + 18 * line) * scale), text, font=font, fill="black")
    canvas.drawImage(ImageReader(picture), 0, 0, *A4)


async def _in_a_process(way: str, path: Path, pages: int) -> PagesResult:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.document_pages", way, str(path), str(pages)), stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return PagesResult.model_validate_json(output)


def _timed(work: Callable[[], None]) -> PagesResult:
    started_at, used = time.monotonic(), time.process_time()
    work()
    return PagesResult(
        seconds=time.monotonic() - started_at, processor=time.process_time() - used, peak=peak_memory(os.getpid())
    )


if __name__ == "__main__":
    print(_timed(lambda: WAYS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))).model_dump_json())
