"""The catalogue: what is shipped, and what an operator lays over it."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from aijobs.bootstrap import open_adapters
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import UnknownModel
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.languages.localized_text import LocalizedText
from aijobs.providers.replicate import ReplicateSettings
from aijobs.settings import SHIPPED_CATALOGUE, GivenSettings, SettingsError

UPSCALE = "[models.replicate_imageupscale_v1]"
SHIPPED = SHIPPED_CATALOGUE.read_text("utf-8")


def test_the_shipped_models_have_their_prices() -> None:
    catalogue = Catalogue.parse(SHIPPED)

    prices = {model.model_id: (str(model.model_name), model.model_version, model.unit_point) for model in catalogue}

    asked_for = {
        "ttapi_midjourney_v7": ("Midjourney", "7.0", 1),
        "replicate_imageupscale_v1": ("ImageUpscale", "1.0", 2),
        "photoReview_analysis_v1": ("PhotoReviewAnalysis", "1.0", 1),
        "document_extract_v1": ("DocumentExtract", "1.0", 2),
    }
    assert asked_for.items() <= prices.items()


def test_an_operator_changes_one_figure_and_keeps_the_rest() -> None:
    own = '[models.replicate_imageupscale_v1]\nunit_point = 7\ndeadlines = { queue = "10m" }'

    model = Catalogue.parse(SHIPPED, own).model("replicate_imageupscale_v1")

    assert model.unit_point == 7
    assert model.deadlines.queue == timedelta(minutes=10)
    assert model.deadlines.business == timedelta(hours=24)
    assert JobStatus.PROCESSING in model.unit_progress


@pytest.mark.parametrize(
    ("own", "named"),
    [
        ("models = 3 =", "not TOML"),
        ("[model.x]\n", "unknown: model"),
        ("[models.replicate_imageupscale_v1]\nunit_point = -1", "unit_point"),
        ("[models.replicate_imageupscale_v1]\nprice = 1", "price"),
        ('[models.replicate_imageupscale_v1]\ndeadlines = { queue = "soon" }', "deadlines.queue"),
        ('[models.replicate_imageupscale_v1]\nsunset = "some day"', "sunset"),
        ('[models.replicate_imageupscale_v1]\nuse_instead = "nobodys_v1"', "use_instead"),
        ('[models.replicate_imageupscale_v1]\nuse_instead = "replicate_imageupscale_v1"', "use_instead"),
        ("[models.replicate_imageupscale_v1]\nlearning = { questions = 1 }", "learning.questions"),
        ("[models.mine]\nunit_point = 1", "'mine'"),
        (f'{UPSCALE}\nunit_progress = [["PROCESSING"]]', "unit_progress"),
        (f"{UPSCALE}\nfallback = [[1]]", "fallback"),
        (f'{UPSCALE}\nmodel_name = {{ de = "Vergrößern" }}', "model_name: there is no language 'de'; there are en, zh"),
        (f"{UPSCALE}\nmodel_name = {{ zh = 3 }}", "model_name: has no text in zh"),
        (f"{UPSCALE}\nmodel_name = 3", "model_name: must be a text, or a table of texts by language: en, zh"),
        ("[models.mine]\nmodel_desc = {}", "model_desc: needs a text in one language at least: en, zh"),
        (
            f'{UPSCALE}\nparameters.labels.image = {{ zh = " " }}',
            "parameters.labels.image: has no text in zh",
        ),
    ],
)
def test_a_wrong_catalogue_is_refused_with_what_is_wrong(own: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Catalogue.parse(SHIPPED, own)


@pytest.mark.parametrize("rule", ["allowed = { upscale = [2] }", "defaults = { upscale = 2 }"])
async def test_a_rule_about_a_parameter_that_is_not_there_stops_the_start(tmp_path: Path, rule: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(f"{UPSCALE}\nparameters.{rule}")
    key = ReplicateSettings(token=SecretStr("r8_test"))
    sections: dict[str, Any] = {"data_dir": tmp_path, "catalogue": own, "replicate": key}

    with pytest.raises(SettingsError, match=r"AIJOBS_CATALOGUE: .*replicate_imageupscale_v1.* none named upscale$"):
        async with open_adapters(GivenSettings(**sections)):
            pass


def test_texts_are_given_by_language_and_english_falls_back_to_the_only_one() -> None:
    own = f'{UPSCALE}\nmodel_name = {{ zh = "放大" }}\nmodel_desc = "Mine"'

    model = Catalogue.parse(SHIPPED, own).model("replicate_imageupscale_v1")
    alone = LocalizedText({"zh": "放大"})

    assert model.model_name.in_every_language() == {"en": "ImageUpscale", "zh": "放大"}
    assert model.model_desc.in_every_language() == {"en": "Mine", "zh": "Mine"}
    assert (str(alone), alone.in_every_language()) == ("放大", {"en": "放大", "zh": "放大"})


def test_a_sunset_is_the_first_day_without_new_jobs() -> None:
    own = "[models.replicate_imageupscale_v1]\nsunset = 2026-09-24"

    model = Catalogue.parse(SHIPPED, own).model("replicate_imageupscale_v1")

    assert [model.is_over(date(2026, 9, day)) for day in (23, 24, 25)] == [False, True, True]


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(UnknownModel, match="nobody_knows_v1"):
        Catalogue.parse(SHIPPED).model("nobody_knows_v1")


@pytest.mark.parametrize(
    ("fallback", "problem"),
    [
        ("nobody_knows_v1", "is no other model"),
        ("replicate_imageupscale_v1", "is no other model"),
        ("document_extract_v1", "is no model of a provider"),
        ("kling_video_v1", "makes video, not image"),
    ],
)
def test_a_fallback_that_cannot_stand_in_is_refused(fallback: str, problem: str) -> None:
    own = f'[models.replicate_imageupscale_v1]\nfallback = ["{fallback}"]'

    with pytest.raises(ValueError, match=f"replicate_imageupscale_v1.*{fallback}.* {problem}"):
        Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"), own)


def test_a_fallback_calls_parameters_by_its_own_names() -> None:
    chain = '[{ model_id = "fal_esrgan_v1", parameters = { image = "image_url" }, defaults = { scale = 2 } }]'
    own = f"[models.replicate_imageupscale_v1]\nfallback = {chain}"

    (fallback,) = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"), own).model("replicate_imageupscale_v1").fallback

    assert fallback.parameters_of({"image": "file_1", "face_enhancement": None}) == {"scale": 2, "image_url": "file_1"}
