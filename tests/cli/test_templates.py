"""`aijobs templates`, against a real API."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from cli.commands import templates
from cli.errors import Exit
from tests.api.installation import ApiUnderTest
from tests.cli.command import CommandResult, aijobs_process
from tests.cli.conftest import Command

RECIPE = """
name = "Recipe"
prompt = "Read it. 阶段1 name the dish. 阶段2 answer with JSON."
columns = [{ name = "Dish", required = true }]
"""


async def ran(folder: Path, *arguments: str) -> CommandResult:
    return await aijobs_process("templates", *arguments, folder=folder)


async def test_a_file_is_checked_saved_and_listed(api: ApiUnderTest, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE, "utf-8")
    file = str(tmp_path / "recipe.toml")

    checked = await ran(tmp_path, "check", file)
    saved = await ran(tmp_path, "save", file, "--url", api.url)
    again = await ran(tmp_path, "save", file, "--url", api.url, "--json")
    listed = await ran(tmp_path, "list", "--url", api.url)

    assert "2 stages" in checked.out
    assert "recipe is at version 1." in saved.out
    assert json.loads(again.out)["version"] == 1
    assert "Dish" in listed.out


async def test_what_is_wrong_with_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE.replace("Dish", ""), "utf-8")

    invalid = await ran(tmp_path, "check", str(tmp_path / "recipe.toml"))
    missing = await ran(tmp_path, "check", str(tmp_path / "soup.toml"))

    assert (invalid.code, missing.code) == (Exit.ERROR, Exit.ERROR)
    assert "columns.0.name" in invalid.err
    assert "cannot be read" in missing.err


async def test_a_document_is_estimated(api: ApiUnderTest, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE, "utf-8")
    (tmp_path / "soup.txt").write_text("Dish: soup")
    await ran(tmp_path, "save", str(tmp_path / "recipe.toml"), "--url", api.url)
    asked = ("estimate", "recipe", str(tmp_path / "soup.txt"), "--user", "ada", "--url", api.url)

    told = await ran(tmp_path, *asked)

    assert "No language model is configured here" in told.err
    assert told.code == Exit.ERROR


async def test_all_templates_are_listed_however_many(
    aijobs: Command, api: ApiUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templates, "PAGE", 1)
    definition = {"name": "Recipe", "prompt": "Answer with JSON.", "columns": [{"name": "Dish"}]}
    names = [f"recipe-{number}" for number in range(3)]
    for name in names:
        (await api.http.put(f"/api/templates/{name}", json=definition)).raise_for_status()

    listed = await asyncio.to_thread(aijobs, "templates", "list", "--url", api.url)

    assert re.findall(r"^ +(recipe-\d)", listed.out, re.MULTILINE) == names
