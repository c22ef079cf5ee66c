"""A form that is built from the JSON Schema of a model's parameters, and what is read from it."""

from typing import Any, Final

import pytest

from aijobs.domain.jobs.schema_parameters import parameters_from
from aijobs.providers.fal.parameters import FluxSchnell
from aijobs.providers.openai.parameters import AnsweredPrompt
from aijobs.providers.replicate.parameters import AnyInput, DescribedInput
from aijobs.providers.ttapi.parameters import Imagine
from dashboard.forms.parameters.aspects import Proportion
from dashboard.forms.parameters.controls import Control
from dashboard.forms.parameters.schema_form import FormField, fields_of, filled_form, parameters_of
from dashboard.forms.sent_form import SentForm

SCHEMA: Final[dict[str, Any]] = {
    "$defs": {"Size": {"enum": ["small", "large"], "type": "string"}},
    "properties": {
        "prompt": {"type": "string"},
        "factor": {"enum": [2, 4], "default": 2},
        "count": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "default": None},
        "share": {"type": "number", "minimum": 0, "maximum": 1},
        "steps": {"type": "integer", "minimum": 1, "maximum": 50, "default": 20},
        "seed": {"type": "integer", "minimum": 0, "maximum": 4294967295},
        "sharp": {"type": "boolean", "default": True},
        "safe": {"anyOf": [{"type": "boolean"}, {"type": "null"}], "default": None},
        "size": {"$ref": "#/$defs/Size"},
        "ratio": {"enum": ["1:1", "16:9", "auto"], "default": "16:9"},
        "image": {"type": "string", "x-media": "image"},
        "frames": {"type": "array", "items": {"type": "string", "x-media": "image"}, "maxItems": 3},
        "words": {"type": "array", "items": {"type": "string"}},
        "weights": {"type": "array", "items": {"type": "number"}},
        "boxes": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
        "template": {"type": "string", "format": "template"},
    },
    "required": ["image"],
    "additionalProperties": True,
}


def test_each_kind_of_parameter_gets_its_control() -> None:
    fields = _by_name(SCHEMA)

    assert {name: field.control for name, field in fields.items()} == {
        "image": Control.FILE,
        "prompt": Control.LINES,
        "factor": Control.CHOICE,
        "count": Control.NUMBER,
        "share": Control.NUMBER,
        "steps": Control.NUMBER,
        "seed": Control.NUMBER,
        "sharp": Control.SWITCH,
        "safe": Control.YES_OR_NO,
        "size": Control.CHOICE,
        "ratio": Control.ASPECT,
        "frames": Control.FILES,
        "words": Control.LIST,
        "weights": Control.LIST,
        "boxes": Control.DOCUMENT,
        "template": Control.TEMPLATE,
        "*": Control.DOCUMENT,
    }
    assert next(iter(fields)) == "image"
    assert fields["factor"].value == "2"
    assert fields["count"].minimum == 1
    assert [choice.value for choice in fields["size"].choices] == ["small", "large"]
    assert fields["frames"].max_items == 3


def test_only_a_range_that_a_hand_can_reach_has_a_slider() -> None:
    steps = {name: field.slider_step for name, field in _by_name(SCHEMA).items() if field.control is Control.NUMBER}

    assert steps == {"count": None, "share": 0.01, "steps": 1, "seed": None}


@pytest.mark.parametrize(
    ("choice", "drawn"),
    [
        ("16:9", (20, 11.2)),
        ("1024x1536", (13.3, 20)),
        ("1280*720", (20, 11.2)),
        ("square_hd", (20, 20)),
        ("portrait_16_9", (11.2, 20)),
        ("landscape_4_3", (20, 15)),
        ("1:999", (3, 20)),
    ],
)
def test_proportions_are_drawn(choice: str, drawn: tuple[float, float]) -> None:
    aspect = Proportion.of(choice)

    assert aspect is not None
    assert aspect.drawn == pytest.approx(drawn, abs=0.1)


@pytest.mark.parametrize("word", ["auto", "720p", "0:1", "5s", "16:", "Standard V2", "9" * 40 + ":1"])
def test_other_words_are_no_proportions(word: str) -> None:
    assert Proportion.of(word) is None


def test_vendors_schemas_get_their_controls() -> None:
    midjourney, flux = _by_name(Imagine.model_json_schema()), _by_name(FluxSchnell.model_json_schema())

    assert midjourney["aspect"].control is Control.ASPECT
    assert midjourney["aspect"].is_open
    assert midjourney["images"].control is Control.FILES
    assert flux["image_size"].control is Control.ASPECT
    assert not flux["image_size"].is_open
    assert _by_name(AnsweredPrompt.model_json_schema())["answer_schema"].control is Control.DOCUMENT


def test_the_schema_of_an_added_model_gets_its_controls() -> None:
    published = {
        "type": "object",
        "required": ["input_images"],
        "properties": {
            "input_images": {"type": "array", "items": {"type": "string", "format": "uri"}},
            "aspect_ratio": {"allOf": [{"$ref": "#/components/schemas/aspect_ratio"}], "default": "1:1"},
            "guidance": {"type": "number", "minimum": 0, "maximum": 20, "default": 3.5},
        },
        "components": {"schemas": {"aspect_ratio": {"type": "string", "enum": ["1:1", "21:9", "match_input_image"]}}},
    }

    fields = _by_name(parameters_from(published, DescribedInput).model_json_schema())

    assert fields["input_images"].control is Control.FILES
    assert fields["input_images"].is_required
    assert fields["aspect_ratio"].control is Control.ASPECT
    assert fields["aspect_ratio"].value == "1:1"
    assert fields["guidance"].slider_step == pytest.approx(0.1)


def test_what_is_filled_in_gets_the_type_that_the_model_wants() -> None:
    sent = SentForm(
        {
            "params.prompt": ["a lighthouse\r\nat dusk"],
            "params.factor": ["4"],
            "params.count": ["3"],
            "params.share": ["0.5"],
            "params.safe": ["false"],
            "params.size": ["large"],
            "params.ratio": ["1:1"],
            "params.image": [" https://example.com/a.png "],
            "params.frames": ["file_1", " ", "file_2"],
            "params.words": ["a", ""],
            "params.weights": ["1", "0.5", "heavy"],
            "params.boxes": ["[[1, 2]]"],
            "params.*": ['{"mood": 7}'],
        }
    )

    assert parameters_of(SCHEMA, sent) == {
        "prompt": "a lighthouse\nat dusk",
        "factor": 4,
        "count": 3,
        "share": 0.5,
        "sharp": False,
        "safe": False,
        "size": "large",
        "ratio": "1:1",
        "image": "https://example.com/a.png",
        "frames": ["file_1", "file_2"],
        "words": ["a"],
        "weights": [1.0, 0.5, "heavy"],
        "boxes": [[1, 2]],
        "mood": 7,
    }


def test_what_is_empty_is_left_out_and_what_is_wrong_is_for_the_model_to_refuse() -> None:
    sent = SentForm({"params.count": ["many"], "params.share": ["nan"], "params.factor": ["3"], "params.safe": [""]})

    assert parameters_of(SCHEMA, sent) == {"count": "many", "share": "nan", "factor": 3, "sharp": False}


def test_another_proportion_is_what_was_written_beside_those_that_are_drawn() -> None:
    schema = Imagine.model_json_schema()
    written = SentForm({"params.prompt": ["a lighthouse"], "params.aspect": ["16:9", "5:4"]})

    assert parameters_of(schema, written)["aspect"] == "5:4"
    assert _by_name(schema, written)["aspect"].other_value == "5:4"
    assert parameters_of(schema, SentForm({"params.aspect": ["16:9", ""]}))["aspect"] == "16:9"


def test_a_form_that_is_filled_from_parameters_gives_them_back() -> None:
    params = {
        "image": "file_1",
        "prompt": "a lighthouse",
        "factor": 4,
        "share": 0.25,
        "steps": 30,
        "sharp": False,
        "safe": True,
        "ratio": "auto",
        "frames": ["file_2", "file_3"],
        "weights": [0.5],
        "boxes": [[1.5, 2]],
        "mood": {"deep": [1, None]},
    }

    assert parameters_of(SCHEMA, filled_form(SCHEMA, params)) == params


def test_what_was_not_said_is_filled_with_the_defaults() -> None:
    filled = filled_form(SCHEMA, {"image": "file_1"})

    assert parameters_of(SCHEMA, filled) == {
        "image": "file_1",
        "factor": 2,
        "steps": 20,
        "sharp": True,
        "ratio": "16:9",
    }


def test_a_link_with_a_signature_is_not_filled_in_again() -> None:
    signed = {"image": "https://s3.example.com/a.png?X-Amz-Signature=5ec2e7", "factor": 4}

    assert filled_form(SCHEMA, signed).text("params.image") == ""


def test_a_model_that_takes_anything_takes_json() -> None:
    fields = _by_name(AnyInput.model_json_schema())

    assert [field.control for field in fields.values()] == [Control.DOCUMENT]


def _by_name(schema: dict[str, Any], sent: SentForm | None = None) -> dict[str, FormField]:
    return {field.name: field for field in fields_of(schema, sent)}
