"""`/api/templates`: saved in versions, refused by field, previewed without being saved."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from aijobs.domain.documents.template_files import TemplateFile
from aijobs.domain.documents.templates import MAX_PROMPT_LENGTH
from aijobs.domain.values.scopes import Scope
from aijobs.persistence.database import Database, opened_database
from aijobs.persistence.documents.templates import install_templates, save_template, template_of
from aijobs.settings import Settings, SettingsError
from tests.api.installation import ApiUnderTest
from tests.api.templates import CONTRACT, saved


async def test_a_template_is_saved_and_can_be_looked_at(shared_api: ApiUnderTest) -> None:
    answer = await saved(shared_api, "looked_at")

    template = answer.json()
    assert answer.status_code == 201
    assert (template["id"], template["version"], template["warnings"]) == ("looked_at", 1, [])
    found = (await shared_api.http.get("/api/templates/looked_at")).json()
    assert found == {name: value for name, value in template.items() if name != "warnings"}
    assert found["columns"][1].items() >= {"name": "金额", "type": "number", "required": False, "minimum": None}.items()
    assert found["stages"]["strict_order"] is True


async def test_each_change_is_a_version_and_no_change_is_none(shared_api: ApiUnderTest) -> None:
    first = await saved(shared_api, "changing")
    again = await saved(shared_api, "changing")
    changed = await saved(shared_api, "changing", prompt="阶段1 改")

    assert [(one.status_code, one.json()["version"]) for one in (first, again, changed)] == [
        (201, 1),
        (200, 1),
        (201, 2),
    ]
    versions = (await shared_api.http.get("/api/templates/changing/versions")).json()
    assert [version["version"] for version in versions["data"]] == [2, 1]
    old = await shared_api.http.get("/api/templates/changing", params={"version": 1})
    assert old.json()["prompt"] == CONTRACT["prompt"]
    assert (await shared_api.http.get("/api/templates/changing", params={"version": 3})).status_code == 404


async def test_versions_and_templates_come_in_pages(shared_api: ApiUnderTest) -> None:
    for number in range(3):
        await saved(shared_api, f"page{number}")
        await saved(shared_api, "paged", prompt=f"阶段1 第{number}版")

    page = (await shared_api.http.get("/api/templates/paged/versions", params={"limit": 2})).json()
    rest = (await shared_api.http.get("/api/templates/paged/versions", params={"cursor": page["next_cursor"]})).json()
    assert [one["version"] for one in page["data"] + rest["data"]] == [3, 2, 1]
    listed = (await shared_api.http.get("/api/templates?cursor=page&limit=2")).json()
    assert ([one["id"] for one in listed["data"]], listed["next_cursor"]) == (["page0", "page1"], "page1")
    assert "prompt" not in listed["data"][0]


async def test_a_deleted_template_keeps_its_versions(shared_api: ApiUnderTest) -> None:
    await saved(shared_api, "deleted")

    assert (await shared_api.http.delete("/api/templates/deleted")).status_code == 204
    assert (await shared_api.http.delete("/api/templates/deleted")).status_code == 404
    assert (await shared_api.http.get("/api/templates/deleted")).status_code == 404
    assert (await shared_api.http.get("/api/templates/deleted", params={"version": 1})).status_code == 200
    assert (await saved(shared_api, "deleted")).json()["version"] == 2


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"columns": []}, "/columns"),
        ({"columns": [{"name": "A"}, {"name": "a"}]}, "/columns"),
        ({"columns": [{"name": "A", "type": "money"}]}, "/columns/0/type"),
        ({"prompt": ""}, "/prompt"),
        ({"prompt": "x" * (MAX_PROMPT_LENGTH + 1)}, "/prompt"),
        ({"name": ""}, "/name"),
        ({"stages": {"pattern": "(("}}, "/stages/pattern"),
        ({"stages": {"pattern": "a" * 501}}, "/stages/pattern"),
        ({"stages": {"max_stages": 1000}}, "/stages/max_stages"),
        ({"prompt": "a" * 5000, "stages": {"pattern": "(a+)+b"}}, "/stages/pattern"),
        ({"surprise": 1}, "/surprise"),
    ],
)
async def test_what_is_wrong_is_named(shared_api: ApiUnderTest, change: dict[str, Any], pointer: str) -> None:
    answer = await saved(shared_api, "wrong", **change)

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await shared_api.http.get("/api/templates/wrong")).status_code == 404


@pytest.mark.parametrize("template_id", ["a.b", "-a", "a" * 65, "合同"])
async def test_an_id_that_is_none_is_refused(shared_api: ApiUnderTest, template_id: str) -> None:
    assert (await saved(shared_api, template_id)).status_code == 422


async def test_the_longest_prompt_is_taken(shared_api: ApiUnderTest) -> None:
    assert (await saved(shared_api, "long", prompt="合" * MAX_PROMPT_LENGTH)).status_code == 201


async def test_a_prompt_can_be_tried_without_being_saved(shared_api: ApiUnderTest) -> None:
    request = {"prompt": "前言\n步骤一 读\n步骤二 写", "stages": {"identifiers": "步骤一,步骤二,步骤三"}}

    preview = (await shared_api.http.post("/api/templates/preview", json=request)).json()

    assert preview == {
        "stages": [
            {"number": 1, "name": "步骤一", "text": "前言\n\n步骤一 读"},
            {"number": 2, "name": "步骤二", "text": "步骤二 写"},
        ],
        "warnings": ["Identifier '步骤三' is not in the prompt."],
    }


async def test_an_exploding_pattern_keeps_nobody_waiting(shared_api: ApiUnderTest) -> None:

    bad = {"prompt": "a" * 5000, "stages": {"pattern": "(a+)+b"}}
    trial = asyncio.create_task(shared_api.http.post("/api/templates/preview", json=bad))
    await asyncio.sleep(0.2)

    assert (await shared_api.http.get("/healthz")).status_code == 200
    assert not trial.done()
    assert (await trial).json()["errors"][0]["pointer"] == "/stages/pattern"


async def test_only_an_operator_changes_templates_and_reads_prompts(shared_api: ApiUnderTest) -> None:
    reader = await shared_api.key_for("ada", Scope.JOBS_READ, Scope.JOBS_WRITE)
    await saved(shared_api, "guarded")

    assert (await shared_api.http.get("/api/templates", headers=reader)).status_code == 200
    assert (await shared_api.http.get("/api/templates/guarded", headers=reader)).status_code == 403
    assert (await shared_api.http.put("/api/templates/guarded", json=CONTRACT, headers=reader)).status_code == 403
    assert (await shared_api.http.delete("/api/templates/guarded", headers=reader)).status_code == 403
    assert (await shared_api.http.post("/api/templates/preview", json=CONTRACT, headers=reader)).status_code == 403


@pytest.fixture
async def database(tmp_path: Path) -> Any:
    async with opened_database(f"sqlite:///{tmp_path}/aijobs.db") as database:
        yield database


async def version_of(database: Database, template_id: str) -> tuple[int, str]:
    template = await database.read(template_of, template_id)
    return template.version, template.name


def templates_in(folder: Path) -> dict[str, TemplateFile]:
    return Settings.load({}).model_copy(update={"templates": folder}).load_templates()


async def test_files_become_templates_and_override_no_later_change(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    file = folder / "own.toml"
    file.write_text("name='one'\nprompt='p'\ncolumns=[{name='A'}]")

    await install_templates(database, templates_in(folder))
    await install_templates(database, templates_in(folder))
    assert await version_of(database, "own") == (1, "one")
    assert (await version_of(database, "contract_zh"))[0] == 1

    changed = templates_in(folder)["own"].definition.model_copy(update={"name": "by API"})
    await database.write(save_template, "own", changed, saved_by="key")
    await install_templates(database, templates_in(folder))
    assert await version_of(database, "own") == (2, "by API")

    file.write_text("name='two'\nprompt='p'\ncolumns=[{name='A'}]")
    await install_templates(database, templates_in(folder))
    assert await version_of(database, "own") == (3, "two")


@pytest.mark.parametrize(("name", "text"), [("a.toml", "name="), ("b c.toml", ""), ("d.toml", "name='x'")])
def test_a_wrong_file_is_named_at_the_start(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(SettingsError, match=f"AIJOBS_TEMPLATES.*{name[0]}"):
        templates_in(tmp_path)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="AIJOBS_TEMPLATES"):
        templates_in(tmp_path / "nowhere")
