"""`POST` and `DELETE /api/models`: a vendor's models, added to an installation while it runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.scopes import Scope
from aijobs.persistence.access.first_key import ensure_first_key
from aijobs.providers.replicate import ReplicateSettings
from sandbox.config import SandboxConfig
from sandbox.server import RunningSandbox, running
from tests.api.conftest import NOBODY_THERE, opened_dependencies
from tests.api.installation import ApiUnderTest, opened_installation
from tests.cli.command import aijobs_process
from tests.databases import database_url
from workflows.client import TemporalJobEngine

FLUX = "replicate:black-forest-labs/flux-schnell"
TEXTS = """
model_name = { en = "Flux", zh = "快图" }
model_desc = { zh = "文字变图片" }
parameters.labels.prompt = { zh = "画什么" }
parameters.descriptions.prompt = { en = "A sentence", zh = "一句话" }
"""
FLUX_ID = "replicate_black_forest_labs_flux_schnell_v1"


@dataclass
class TwoProcesses:
    """Two API processes on one database, with the sandbox as their vendor."""

    first: ApiUnderTest
    second: ApiUnderTest
    sandbox: RunningSandbox

    async def add(self, source: str = FLUX, **more: Any) -> httpx.Response:
        return await self.first.http.post("/api/models", json={"source": source, **more})


@pytest.fixture(scope="module")
async def vendor() -> AsyncIterator[RunningSandbox]:
    async with running(SandboxConfig(port=0)) as sandbox:
        yield sandbox


@pytest.fixture
async def installation(database_kind: str, tmp_path: Path, vendor: RunningSandbox) -> AsyncIterator[TwoProcesses]:
    vendor.behave()
    database = database_url(tmp_path)
    async with (
        _process(tmp_path / "a", database, vendor) as first,
        _process(tmp_path / "b", database, vendor) as second,
    ):
        yield TwoProcesses(first, second, vendor)


@asynccontextmanager
async def _process(folder: Path, database: str, vendor: RunningSandbox) -> AsyncIterator[ApiUnderTest]:
    engine = TemporalJobEngine(lambda: (_ for _ in ()).throw(ConnectionError(NOBODY_THERE)))
    replicate = ReplicateSettings(token=SecretStr("r8_test"), base_url=vendor.url)
    async with opened_dependencies(folder, engine, database_url=database, replicate=replicate) as dependencies:
        key = await ensure_first_key(dependencies.database, dependencies.secret, folder)
        async with opened_installation(dependencies, key) as api:
            yield api


async def test_a_model_is_usable_everywhere_in_one_step(installation: TwoProcesses) -> None:
    added = await installation.add(unit_point=3)
    listed = {model["model_id"]: model for model in (await installation.second.http.get("/api/models")).json()["data"]}
    job = await installation.second.submit(model_id=FLUX_ID, params={"prompt": "a lighthouse"})
    form = await installation.second.http.get("/new", params={"model": FLUX_ID}, follow_redirects=True)

    assert added.status_code == 201, added.text
    assert added.json()["model_id"] == FLUX_ID
    assert listed[FLUX_ID]["source"] == FLUX
    assert listed[FLUX_ID]["learning"] == {"enabled": True, "min": 1.0, "questions": 12.0, "classes": []}
    assert list(listed[FLUX_ID]["parameters"]["properties"])[:2] == ["prompt", "aspect_ratio"]
    assert job.status_code == 202, job.text
    assert form.status_code == 200
    assert (await installation.second.http.get("/api/points", headers={"Aijobs-User": "ada"})).json()["used"] == 3
    await installation.first.push(job.json()["code"], JobStatus.FAILED)


async def test_who_adds_and_removes_a_model_is_recorded(installation: TwoProcesses) -> None:
    await installation.add(unit_point=3)
    await installation.add(unit_point=3)
    await installation.first.http.delete(f"/api/models/{FLUX_ID}")

    removed, added = (await installation.first.http.get("/api/audit", params={"act": "model"})).json()["data"]
    assert (added["act"], added["target"], added["after"]["unit_point"]) == ("model.added", FLUX_ID, 3)
    assert (removed["act"], removed["target"], removed["actor_kind"]) == ("model.removed", FLUX_ID, "key")


async def test_parameters_are_checked_before_anything_is_charged(installation: TwoProcesses) -> None:
    await installation.add()

    refused = await installation.second.submit(model_id=FLUX_ID, params={"num_outputs": 9, "colour": "red"})

    assert refused.status_code == 422
    assert {error["pointer"] for error in refused.json()["errors"]} == {
        "/params/prompt",
        "/params/num_outputs",
        "/params/colour",
    }


async def test_adding_twice_gives_the_same_model_and_another_price_another(installation: TwoProcesses) -> None:
    first, again = await installation.add(), await installation.add()
    dearer = await installation.add(unit_point=5, model_name="Flux, for guests", output_kind="other")

    assert (first.status_code, again.status_code, dearer.status_code) == (201, 200, 201)
    assert again.json() == first.json()
    assert (dearer.json()["model_id"], dearer.json()["model_name"]) == (FLUX_ID[:-1] + "2", "Flux, for guests")
    assert dearer.json()["output_kind"] == "other"


async def test_a_removed_model_takes_no_new_jobs_and_its_jobs_go_on(installation: TwoProcesses) -> None:
    await installation.add()
    code = (await installation.second.submit(model_id=FLUX_ID, params={"prompt": "x"})).json()["code"]

    removed = await installation.first.http.delete(f"/api/models/{FLUX_ID}")
    again = await installation.first.http.delete(f"/api/models/{FLUX_ID}")
    refused = await installation.second.submit(model_id=FLUX_ID, params={"prompt": "y"})
    listed = (await installation.second.http.get("/api/models")).json()["data"]
    await installation.second.push(code, JobStatus.SUBMITTED, JobStatus.FAILED)
    restored = await installation.add()

    assert (removed.status_code, again.status_code) == (204, 404)
    assert (refused.status_code, refused.json()["code"]) == (422, "model_retired")
    assert FLUX_ID not in {model["model_id"] for model in listed}
    assert (restored.status_code, restored.json()["model_id"]) == (201, FLUX_ID)
    assert (await installation.second.submit(model_id=FLUX_ID, params={"prompt": "y"})).status_code == 202


NOT_ADDED = {
    "replicate:nobody/nothing": "no model nobody/nothing",
    "replicate:flux": "owner/name",
    "acme:a/b": "from replicate",
    "ttapi:midjourney": "from replicate",
}
WRONG_BODIES: list[dict[str, Any]] = [
    {},
    {"source": "x"},
    {"source": FLUX, "unit_point": -1},
    {"source": FLUX, "price": 1},
    {"source": 5},
    {"source": FLUX, "model_desc": {"de": "Ein Bild"}},
    {"source": FLUX, "model_desc": {}},
    {"source": FLUX, "model_name": {"zh": "名" * 61}},
    {"source": FLUX, "parameters": {"labels": {"prompt": 5}}},
    {"source": FLUX, "parameters": {"defaults": {"prompt": "x"}}},
    {"source": FLUX, "parameters": {"labels": {"colour": "colour"}}},
]


async def test_what_cannot_be_added_is_refused_by_name(installation: TwoProcesses) -> None:
    for source, words in NOT_ADDED.items():
        refused = await installation.add(source)

        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "/source"
        assert words in refused.json()["errors"][0]["message"]
    for body in WRONG_BODIES:
        assert (await installation.first.http.post("/api/models", json=body)).status_code == 422


async def test_a_vendor_that_is_away_is_not_the_callers_fault(installation: TwoProcesses) -> None:
    installation.sandbox.misbehave("outage")

    assert (await installation.add()).status_code == 503


async def test_only_operators_add_and_remove_models(installation: TwoProcesses) -> None:
    ada = await installation.first.key_for("ada", Scope.JOBS_WRITE, Scope.JOBS_READ)

    added = await installation.first.http.post("/api/models", json={"source": FLUX}, headers=ada)
    removed = await installation.first.http.delete(f"/api/models/{FLUX_ID}", headers=ada)
    shipped = await installation.first.http.delete("/api/models/replicate_imageupscale_v1")

    assert (added.status_code, removed.status_code, shipped.status_code) == (403, 403, 403)


async def test_without_any_key_there_is_nothing_to_add_from(installation: TwoProcesses) -> None:
    bare = replace(installation.first.dependencies, providers={})
    key = installation.first.http.headers["Authorization"].removeprefix("Bearer ")
    async with opened_installation(bare, key) as api:
        refused = await api.http.post("/api/models", json={"source": FLUX})

    assert (refused.status_code, refused.json()["code"]) == (422, "model_not_configured")


async def test_an_added_model_has_its_texts_in_each_language(installation: TwoProcesses, tmp_path: Path) -> None:
    (tmp_path / "texts.toml").write_text(TEXTS, "utf-8")
    (tmp_path / "wrong.toml").write_text('model_desc = { de = "Ein Bild" }', "utf-8")

    async def models(*arguments: str) -> Any:
        here = ("--url", installation.first.url)
        return await aijobs_process("models", *arguments, *here, folder=tmp_path / "a", LC_ALL="zh_CN.UTF-8")

    added = await models("add", FLUX, "--texts", str(tmp_path / "texts.toml"), "--json")
    listed = await models()
    wrong = await models("add", FLUX, "--texts", str(tmp_path / "wrong.toml"))
    page = (await installation.second.http.get("/models", headers={"Accept-Language": "zh"})).text
    found = (await installation.second.http.get("/api/models")).json()["data"]
    stranger = await installation.add(parameters={"labels": {"colour": "colour"}})

    assert added.document in found, added.err
    assert (added.document["model_name"], added.document["model_name_in"]["zh"]) == ("Flux", "快图")
    assert (added.document["model_desc"], added.document["model_desc_in"]["en"]) == ("文字变图片", "文字变图片")
    prompt = added.document["parameters"]["properties"]["prompt"]["x-in"]
    assert prompt["zh"]["label"] == "画什么"
    assert (prompt["zh"]["description"], prompt["en"]["description"]) == ("一句话", "A sentence")
    assert "快图" in listed.out
    assert "快图" in page
    assert "文字变图片" in page
    assert "model_desc: 没有语言 'de'；可用的语言：en, zh" in wrong.err
    assert stranger.json()["errors"][0]["pointer"] == "/parameters/labels/colour"


async def test_the_command_line_adds_lists_and_removes(installation: TwoProcesses, tmp_path: Path) -> None:
    async def models(*arguments: str) -> Any:
        return await aijobs_process("models", *arguments, folder=tmp_path / "a")

    url = ("--url", installation.first.url)
    added = await models("add", FLUX, "--points", "4", *url)
    listed = await models(*url)
    wrong = await models("add", "replicate:nobody/nothing", *url)
    removed = await models("remove", FLUX_ID, *url)

    assert f"{FLUX_ID} can be used now, at 4 points a job." in added.out, added.err
    assert "prompt" in added.out
    assert FLUX_ID in listed.out
    assert "no model nobody/nothing" in wrong.err
    assert "is removed" in removed.out
