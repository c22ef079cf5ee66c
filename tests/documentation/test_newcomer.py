"""A newcomer's run of the README, in an empty folder: every command, as it is printed and in its order."""

import json
import re
from typing import Final

import pytest
import pytest_asyncio
from PIL import Image

from cli.commands.demo import DEMOS
from tests.cli.command import all_processes_end
from tests.documentation.newcomer import UP, Newcomer
from tests.documentation.snippets import README, ROOT, snippets_in

COMMANDS: Final = [snippet.text for snippet in snippets_in(README, "sh")]
CLIENTS: Final = ROOT / "docs" / "clients.md"
FIRST_STEPS: Final = [snippet.text for snippet in snippets_in(ROOT / "docs" / "start.md", "sh")]
PICTURES: Final = [snippet.text for snippet in snippets_in(ROOT / "docs" / "images.md", "sh")]


@pytest_asyncio.fixture(scope="module")
async def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    """Has typed the first command of both pages."""
    newcomer = await Newcomer.with_clone(tmp_path_factory.mktemp("newcomer"))
    assert "Nothing is left running." in await newcomer.types("make demo")
    return newcomer


async def test_the_readme_from_its_first_command_to_its_last(newcomer: Newcomer) -> None:
    at = COMMANDS.index(f"{UP}\n")
    (demo, _), after = COMMANDS[:at], COMMANDS[at + 1 :]

    assert demo == "make demo\n"

    async with newcomer.up():
        first, *backend = [await newcomer.types(commands) for commands in after]
        (program,) = snippets_in(README, "python")
        saved = await newcomer.runs_python(program.text)

    assert "SUCCESS" in first
    assert len(backend) == 1
    assert "SUCCESS" in backend[0]
    (picture,) = (newcomer.folder / "results").iterdir()
    assert picture.name in saved
    with Image.open(newcomer.folder / "photo.jpg") as small, Image.open(picture) as large:
        assert large.size == (4 * small.width, 4 * small.height)
    assert await all_processes_end(newcomer.folder)


async def test_the_first_steps_and_the_client(newcomer: Newcomer) -> None:
    assert FIRST_STEPS[:2] == ["make demo\n", f"{UP}\n"]

    async with newcomer.up():
        printed = [await newcomer.types(commands) for commands in FIRST_STEPS[2:] + PICTURES]
        await newcomer.types("cp cli/samples/sample.txt contract.txt")
        *_, document_and_photo = [
            await newcomer.runs_python(program.text) for program in snippets_in(CLIENTS, "python")
        ]

    submitted, points, token, lost, models = printed
    assert "SUCCESS" in submitted
    assert json.loads(points)["used"] >= 0
    assert json.loads(token)["token"]
    assert json.loads(lost)["metadata"] == {"sandbox": "accept_then_drop"}
    assert "replicate_imageupscale_v1" in models
    assert "rows.xlsx" in document_and_photo
    assert (newcomer.folder / "rows.xlsx").stat().st_size > 0


def test_every_other_demo_is_named() -> None:
    """Each is run by a test of its own, in tests/cli."""
    others = COMMANDS[COMMANDS.index(f"{UP}\n") - 1]

    assert re.findall(r"^\.venv/bin/aijobs demo --(\w+) ", others, re.MULTILINE) == [
        name for name in DEMOS if name != "upscale"
    ]
