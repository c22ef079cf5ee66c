"""`python -m tests.documentation.pictures`: the pictures of README and documentation, captured anew.

The dashboard is the page of a job on the whole stack, in a browser. The terminal is what `aijobs demo` leaves in one.
"""

import asyncio
import io
import os
import pty
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

import pyte
from PIL import Image
from playwright.async_api import Page, ViewportSize, async_playwright
from rich.console import Console
from rich.style import Style
from rich.text import Text

from aijobs.domain.lifecycle import JobStatus
from sandbox.config import Pace
from tests.cli.command import OURS
from tests.dashboard.installation import started_browser, visiting
from tests.documentation.snippets import ROOT
from tests.stories.stack import StoryStack, running_stack

PICTURES: Final = ROOT / "docs" / "pictures"
SUFFIXES: Final = {"en": "", "zh": ".zh"}

VIEW: Final = ViewportSize(width=1280, height=800)
COLOURS: Final = 128  #: of a screenshot: flat pages need no more
COLUMNS: Final = 100
LINES: Final = 80

#: An SVG without fonts from elsewhere: the reader's own monospace font.
SVG: Final = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: system-ui, sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""


async def capture_dashboard() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with running_stack(Path(folder), public=True, pace=Pace(queue_seconds=1, work_seconds=4)) as stack:
            code = await _worked(stack)
            key = (Path(folder) / "key").read_text().strip()
            async with async_playwright() as playwright:
                browser = await started_browser(playwright)
                for language, suffix in SUFFIXES.items():
                    context = await browser.new_context(locale=language, viewport=VIEW, color_scheme="light")
                    visitor = await visiting(context, str(stack.api.base_url).rstrip("/"))
                    await visitor.sign_in(key)
                    await visitor.open(f"/jobs/{code}")
                    await save_screenshot(visitor.page, PICTURES / f"dashboard{suffix}.png")
                await browser.close()


async def _worked(stack: StoryStack) -> str:
    """The code of a photo's enlargement that has succeeded."""
    code = await stack.submit(user="ada", params={"upscale_factor": 4})
    await stack.until(code, JobStatus.SUCCESS, user="ada")
    return code


async def save_screenshot(page: Page, path: Path) -> None:
    await page.evaluate("Promise.all([...document.images].map(picture => picture.decode()))")
    shot = Image.open(io.BytesIO(await page.screenshot()))
    shot.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def capture_terminal() -> None:
    """One for both languages, since the demo speaks both."""
    with tempfile.TemporaryDirectory() as folder:
        screen = _demo_in(Path(folder))
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text("$ ", style="green") + Text("make demo", style="bold"))
    for text in _shown(screen):
        console.print(text, soft_wrap=True)
    svg = console.export_svg(title="make demo", code_format=SVG, unique_id="terminal")
    (PICTURES / "terminal.svg").write_text(svg, "utf-8")


def _demo_in(folder: Path) -> pyte.Screen:
    """What a terminal shows after `aijobs demo`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith((*OURS, "LC_", "LANG"))}
    terminal = {
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "COLUMNS": str(COLUMNS),
        "LINES": str(LINES),
    }
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    pid, side = pty.fork()
    if pid == 0:
        _as_in_a_clone(folder)
        command = (sys.executable, "-m", "cli.main", "demo")
        os.execve(sys.executable, command, kept | terminal | {"PYTHONPATH": str(folder)})
    while shown := _read(side):
        stream.feed(shown)
    _, status = os.waitpid(pid, 0)
    if status:
        raise RuntimeError("\n".join(screen.display))
    return screen


def _as_in_a_clone(folder: Path) -> None:
    """Stands where a newcomer stands, so that paths are as they see them, with a data directory of its own."""
    for entry in ROOT.iterdir():
        if entry.name == "cli":
            shutil.copytree(entry, folder / entry.name)  # whose samples are named by where they truly are
        elif not entry.name.startswith("."):
            (folder / entry.name).symlink_to(entry)
    os.chdir(folder)


def _read(side: int) -> bytes:
    """What comes next; nothing when the other side has ended."""
    try:
        return os.read(side, 65536)
    except OSError:
        return b""


def _shown(screen: pyte.Screen) -> list[Text]:
    """Its lines with their colours, without the empty ones around them."""
    lines = []
    for number in range(screen.lines):
        text = Text()
        for column in range(screen.columns):
            cell = screen.buffer[number][column]
            colour = None if cell.fg == "default" else _rich_colour(cell.fg)
            text.append(cell.data, Style(color=colour, bold=cell.bold))
        text.rstrip()
        lines.append(text)
    while lines and not lines[-1].plain:
        lines.pop()
    return lines


def _rich_colour(name: str) -> str:
    return {"brown": "yellow"}.get(
        name, f"#{name}" if len(name) == 6 and name.isalnum() and not name.isalpha() else name
    )


def main() -> None:
    capture_terminal()
    asyncio.run(capture_dashboard())


if __name__ == "__main__":
    main()
