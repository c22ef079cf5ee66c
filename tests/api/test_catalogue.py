"""Models, dictionaries, points."""

from dataclasses import replace
from datetime import UTC, datetime

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.lifecycle import JobStatus
from aijobs.settings import SHIPPED_CATALOGUE
from tests.api.installation import UPSCALE, ApiUnderTest, opened_installation

NARROWED = f"""
[models.{UPSCALE}.parameters]
allowed = {{ upscale_factor = [2, 4] }}
defaults = {{ output_format = "png" }}
"""

IN_CHINESE = f"""
[models.{UPSCALE}]
model_name = {{ zh = "老照片放大" }}
model_desc = {{ zh = "把照片放大" }}
parameters.labels.upscale_factor = {{ zh = "放大几倍" }}
parameters.descriptions.upscale_factor = {{ en = "How often", zh = "放大的倍数" }}
"""


async def test_models_are_listed_with_what_they_take_and_can(shared_api: ApiUnderTest) -> None:
    page = (await shared_api.http.get("/api/models")).json()
    models = {model["model_id"]: model for model in page["data"]}

    upscale = models[UPSCALE]
    assert upscale["configured"] is True
    assert upscale["unit_point"] == 2
    assert upscale["parameters"]["properties"]["upscale_factor"]["enum"] == [2, 4, 6]
    assert upscale["parameters"]["required"] == ["image"]
    assert upscale["capabilities"]["cancel"] is True
    assert upscale["unit_progress"] == ["PROCESSING", "MIGRATING"]
    assert upscale["deadlines"]["business"] == 86400


async def test_a_model_without_a_key_is_listed_as_not_configured(shared_api: ApiUnderTest) -> None:
    models = {model["model_id"]: model for model in (await shared_api.http.get("/api/models")).json()["data"]}

    midjourney = models["ttapi_midjourney_v7"]
    assert (midjourney["configured"], midjourney["parameters"], midjourney["capabilities"]) == (False, None, None)


async def test_what_the_operator_narrows_is_in_the_schema(api: ApiUnderTest, key: str) -> None:
    catalogue = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"), NARROWED)
    async with opened_installation(replace(api.dependencies, catalogue=catalogue), key) as narrowed:
        models = {model["model_id"]: model for model in (await narrowed.http.get("/api/models")).json()["data"]}
        refused = await narrowed.submit(params={"image": "https://example.com/a.jpg", "upscale_factor": 6})

    properties = models[UPSCALE]["parameters"]["properties"]
    assert properties["upscale_factor"]["enum"] == [2, 4]
    assert properties["output_format"]["default"] == "png"
    assert refused.status_code == 422


async def test_texts_of_an_operators_file_reach_readers_in_their_language(api: ApiUnderTest, key: str) -> None:
    catalogue = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"), IN_CHINESE)
    async with opened_installation(replace(api.dependencies, catalogue=catalogue), key) as own:
        models = {model["model_id"]: model for model in (await own.http.get("/api/models")).json()["data"]}
        pages = {
            (path, language): (await own.http.get(path, headers={"Accept-Language": language})).text
            for path in ("/models", f"/new?model={UPSCALE}", "/")
            for language in ("en", "zh")
        }
        job = await own.submit()
        jobs = {
            (path, language): (await own.http.get(path, headers={"Accept-Language": language})).text
            for path in ("/jobs", f"/jobs/{job.json()['code']}")
            for language in ("en", "zh")
        }

    upscale = models[UPSCALE]
    factor = upscale["parameters"]["properties"]["upscale_factor"]
    assert (upscale["model_name"], upscale["model_name_in"]) == (
        "ImageUpscale",
        {"en": "ImageUpscale", "zh": "老照片放大"},
    )
    assert upscale["model_desc"].startswith("Enlarge a photo")
    assert upscale["model_desc_in"] == {"en": upscale["model_desc"], "zh": "把照片放大"}
    assert factor["description"] == "How often"
    assert factor["x-in"] == {
        "en": {"label": "upscale factor", "description": "How often"},
        "zh": {"label": "放大几倍", "description": "放大的倍数"},
    }
    assert job.json()["model_name"] == "ImageUpscale"
    for said in ("老照片放大", "把照片放大"):
        assert said in pages["/models", "zh"]
        assert said in pages[f"/new?model={UPSCALE}", "zh"]
    assert "放大几倍" in pages[f"/new?model={UPSCALE}", "zh"]
    assert "放大的倍数" in pages[f"/new?model={UPSCALE}", "zh"]
    assert "How often" in pages[f"/new?model={UPSCALE}", "en"]
    assert "老照片放大" not in pages["/models", "en"]
    assert {language for (_, language), page in jobs.items() if "老照片放大" in page} == {"zh"}
    assert all("老照片放大" in page for (_, language), page in jobs.items() if language == "zh")


async def test_dictionaries_say_what_codes_mean(shared_api: ApiUnderTest) -> None:
    dicts = (await shared_api.http.get("/api/dicts")).json()

    assert len(dicts["statuses"]) == 10
    assert dicts["statuses"][3] == {
        "code": 3,
        "name": "PROCESSING",
        "zh": "生成中",
        "en": "Processing",
        "overall": 50.0,
    }
    assert dicts["models"][UPSCALE].startswith("Enlarge a photo")


async def test_points_go_with_the_job_and_come_back_when_it_fails(api: ApiUnderTest) -> None:
    ada = {"Aijobs-User": "ada"}
    code = await api.job("ada")
    spent = (await api.http.get("/api/points", headers=ada)).json()
    await api.push(code, JobStatus.FAILED)
    back = (await api.http.get("/api/points", headers=ada)).json()

    day = datetime.now(UTC).date().isoformat()
    assert spent == {"user_id": "ada", "day": day, "limit": 100, "used": 2, "held": 0, "remaining": 98, "alerted": 0}
    assert (back["used"], back["remaining"]) == (0, 100)
