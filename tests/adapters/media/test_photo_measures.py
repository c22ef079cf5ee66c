"""Measurements of photos with known flaws: each flaw changes its figure in the right direction."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageEnhance, ImageFilter

from aijobs.adapters.media.photo_measures import SIDE, measured, opened_copy
from aijobs.domain.errors import UnreadableFile
from aijobs.domain.photos import Analysis, Measurements, Method, ability_of
from aijobs.generators.photo_scores import measured_analysis

PHOTO = Path(__file__).parents[3] / "cli" / "samples" / "sample.jpg"


def sample() -> Image.Image:
    with Image.open(PHOTO) as photo:
        return photo.convert("RGB")


def encoded(picture: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=92, **options)
    return buffer.getvalue()


def figures(picture: Image.Image) -> Measurements:
    return measured(*opened_copy(encoded(picture)))


def review(picture: Image.Image) -> Analysis:
    return measured_analysis(figures(picture))


def subject_at(x: int, y: int) -> Image.Image:
    picture = Image.new("RGB", (600, 400), (40, 60, 90))
    picture.paste((230, 200, 60), (x - 30, y - 30, x + 30, y + 30))
    return picture


def test_a_blurred_photo_is_less_sharp() -> None:
    sharp, blurred = review(sample()), review(sample().filter(ImageFilter.GaussianBlur(4)))

    assert sharp.measurements.sharpness > 20 * blurred.measurements.sharpness
    assert (sharp.scores["focus"] or 0) > 80
    assert (blurred.scores["focus"] or 0) < 20


def test_a_dark_photo_is_less_bright() -> None:
    fine, dark = review(sample()), review(ImageEnhance.Brightness(sample()).enhance(0.2))

    assert fine.measurements.brightness > 3 * dark.measurements.brightness
    assert (fine.scores["light"] or 0) > (dark.scores["light"] or 0) + 40
    assert dark.aspects["light"].comment.zh.startswith("整体偏暗")


def test_noise_is_found_and_lowers_the_score() -> None:
    grain = Image.effect_noise(sample().size, 80).convert("RGB")
    clean, noisy = figures(sample()), figures(Image.blend(sample(), grain, 0.3))

    assert noisy.noise > 10 * clean.noise
    assert (measured_analysis(noisy).scores["focus"] or 0) < (measured_analysis(clean).scores["focus"] or 0) - 15


def test_a_photo_without_colour_has_no_score_for_it() -> None:
    grey = review(sample().convert("L").convert("RGB"))

    assert grey.measurements.colourfulness < 1
    assert grey.scores["colour"] is None


def test_the_composition_is_an_estimate_and_says_so() -> None:
    third, middle = review(subject_at(200, 133)), review(subject_at(300, 200))

    assert (third.scores["composition"] or 0) > (middle.scores["composition"] or 0) + 30
    assert third.aspects["composition"].estimate == "rule-of-thirds saliency estimate"


def test_where_nothing_is_conspicuous_the_composition_is_not_known() -> None:
    even = review(Image.new("RGB", (300, 200), "grey"))

    assert even.scores["composition"] is None
    assert even.aspects["composition"].score is None


def test_a_review_without_a_model_says_so_in_both_languages() -> None:
    analysis = review(sample())

    assert (analysis.method, analysis.model) == (Method.MEASURED, None)
    assert "未使用视觉模型" in analysis.summary.zh
    assert "without a vision model" in analysis.summary.en
    known = [score for score in analysis.scores.values() if score is not None]
    assert analysis.overall == round(sum(known) / len(known))


def test_the_same_photo_has_the_same_figures() -> None:
    assert figures(sample()) == figures(sample())


@pytest.mark.parametrize("size", [(1, 1), (2, 500), (500, 2), (3, 3)])
def test_the_smallest_photos_are_measured_too(size: tuple[int, int]) -> None:
    found = figures(Image.new("RGB", size, (3, 200, 3)))

    assert (found.width, found.height) == size


def test_sizes_are_those_of_the_upright_photo() -> None:
    lying = Image.Exif()
    lying[0x0112] = 8

    copy, size = opened_copy(encoded(sample().resize((2 * SIDE, SIDE)), exif=lying))

    assert size == (SIDE, 2 * SIDE)
    assert copy.size == (SIDE // 2, SIDE)


def test_what_is_no_photo_is_refused() -> None:
    with pytest.raises(UnreadableFile):
        opened_copy(b"\xff\xd8\xff and no more")


@pytest.mark.parametrize(
    ("flaw", "able", "expected_reason"),
    [
        ({}, True, "可以美化"),
        ({"width": 63}, False, "照片太小"),
        ({"width": 6001, "height": 4000}, False, "无需放大"),
        ({"width": 6000, "height": 4000}, True, "可以美化"),
        ({"contrast": 1.9}, False, "几乎没有内容"),
        ({"black": 0.5, "white": 0.46}, False, "全黑或全白"),
    ],
)
def test_whether_it_may_be_beautified_follows_from_the_figures(
    flaw: dict[str, Any], *, able: bool, expected_reason: str
) -> None:
    ability, reason = ability_of(figures(sample()).model_copy(update=flaw))

    assert ability is able
    assert expected_reason in reason.zh
