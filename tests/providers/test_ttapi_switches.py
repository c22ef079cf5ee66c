"""Prompts as Midjourney's users write them: switches move into the parameters that they mean."""

from typing import Any

import pytest

from aijobs.domain.catalogue import Model
from aijobs.domain.errors import InvalidParameters
from aijobs.domain.jobs.parameters import check_parameters
from aijobs.providers.ttapi.parameters import Imagine


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a cat --ar 3:2", {"aspect": "3:2"}),
        ("a cat --aspect 3:2", {"aspect": "3:2"}),
        ("a cat --seed 5 --v 7", {"seed": 5}),
        ("a cat --seed 0", {"seed": 0}),
        ("a cat --version 7.0 --AR 16:9 --Seed 5", {"aspect": "16:9", "seed": 5}),
        ("a cat —ar 16:9 —seed 5 —v 7", {"aspect": "16:9", "seed": 5}),
        ("a cat –ar 16:9", {"aspect": "16:9"}),
        ("a cat ––ar 16:9", {"aspect": "16:9"}),
        ("--ar 16:9 a cat", {"aspect": "16:9"}),
        ("a cat --ar 16:9, in winter", {"prompt": "a cat, in winter", "aspect": "16:9"}),
        ("a cat --seed=5 --v7", {"seed": 5}),
        ("a cat --turbo", {"mode": "turbo"}),
        ("a cat --relax --stylize 250 --no fog", {"prompt": "a cat --stylize 250 --no fog", "mode": "relax"}),
        ("a cat —stylize 250 —ar 1:1 —s 9", {"prompt": "a cat --stylize 250 --s 9", "aspect": "1:1"}),
        ("a cat — grey and old —really", {"prompt": "a cat — grey and old —really"}),
        ("a well-known cat, 1920-style", {"prompt": "a well-known cat, 1920-style"}),
        ("a cat --ar 16:9 --ar 16:9", {"aspect": "16:9"}),
        ("a cat --ar 16：9", {"aspect": "16:9"}),
        ("一只猫，--AR 16：9 --seed 5", {"prompt": "一只猫，", "aspect": "16:9", "seed": 5}),
        ("一只猫，—ar 16:9", {"prompt": "一只猫，", "aspect": "16:9"}),
        ("一只猫，--白色", {"prompt": "一只猫，--白色"}),
        ("/imagine prompt: a cat --ar 2:3", {"aspect": "2:3"}),
        ("/imagine a cat", {}),
    ],
)
def test_switches_move_into_the_parameters_they_mean(midjourney: Model, written: str, meant: dict[str, Any]) -> None:
    checked = check_parameters(midjourney, Imagine, {"prompt": written}).model_dump()
    plain = check_parameters(midjourney, Imagine, {"prompt": "a cat", **meant}).model_dump()

    assert checked == plain


def test_a_switch_may_say_again_what_a_parameter_says(midjourney: Model) -> None:
    sent = {"prompt": "a cat --ar 16:9 --seed 5 --fast", "aspect": "16:9", "seed": 5, "mode": "fast"}

    assert check_parameters(midjourney, Imagine, sent).model_dump()["prompt"] == "a cat"


def test_a_switch_outweighs_the_operators_default_and_not_what_is_allowed(midjourney: Model) -> None:
    rules = {"defaults": {"mode": "relax"}, "allowed": {"mode": ["relax", "fast"]}}
    narrowed = midjourney.model_validate({**midjourney.model_dump(), "parameters": rules})

    assert check_parameters(narrowed, Imagine, {"prompt": "a cat --fast"}).model_dump()["mode"] == "fast"
    with pytest.raises(InvalidParameters) as refused:
        check_parameters(narrowed, Imagine, {"prompt": "a cat --turbo"})
    assert [field.pointer for field in refused.value.fields] == ["/params/mode"]


@pytest.mark.parametrize("version", ["6.1", "6"])
def test_the_version_that_a_model_draws_with_may_be_said(midjourney: Model, version: str) -> None:
    older = midjourney.model_copy(update={"model": f"midjourney-v{version}"})
    nameless = midjourney.model_copy(update={"model": "midjourney"})

    assert check_parameters(older, Imagine, {"prompt": f"a cat --v {version}"}).model_dump()["prompt"] == "a cat"
    for other in (midjourney, nameless):
        with pytest.raises(InvalidParameters, match="wrong"):
            check_parameters(other, Imagine, {"prompt": f"a cat --v {version}"})


def test_a_pattern_is_said_in_words(midjourney: Model) -> None:
    with pytest.raises(InvalidParameters) as refused:
        check_parameters(midjourney, Imagine, {"prompt": "a cat", "aspect": "wide", "images": ["ftp://a"]})

    assert {field.pointer: field.message for field in refused.value.fields} == {
        "/params/aspect": "Must look like 16:9.",
        "/params/images/0": "Must be a link, https://…, or the code of an uploaded file.",
    }
