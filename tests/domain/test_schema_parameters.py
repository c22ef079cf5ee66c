"""Parameters of models that are known by their JSON Schema alone."""

from typing import Any

import pytest
from pydantic import ValidationError

from aijobs.domain.jobs.parameters import Parameters
from aijobs.domain.jobs.schema_parameters import ANY_FILE, MAX_PROPERTIES, parameters_from

#: As Replicate publishes it: choices have a schema of their own, and the order is told.
FLUX = {
    "type": "object",
    "required": ["prompt"],
    "properties": {
        "num_outputs": {"type": "integer", "default": 1, "minimum": 1, "maximum": 4, "x-order": 2},
        "prompt": {"type": "string", "title": "Prompt", "description": "What to draw", "x-order": 0},
        "aspect_ratio": {
            "allOf": [{"$ref": "#/components/schemas/aspect_ratio"}],
            "default": "1:1",
            "description": "Of the picture",
            "x-order": 1,
        },
        "guidance": {"type": "number", "minimum": 0, "maximum": 10, "x-order": 3},
        "image_prompt": {"type": "string", "format": "uri", "nullable": True, "x-order": 4},
        "go_fast": {"type": "boolean", "default": True, "x-order": 5},
    },
    "components": {"schemas": {"aspect_ratio": {"type": "string", "enum": ["1:1", "16:9"], "title": "aspect_ratio"}}},
}

#: As fal publishes it: alternatives, null among them, and links by their name alone.
EDIT = {
    "type": "object",
    "required": ["image_urls"],
    "properties": {
        "image_urls": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "video_url": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "image_size": {"anyOf": [{"$ref": "#/$defs/Size"}, {"enum": ["square", "wide"], "type": "string"}]},
        "seed": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "copy": {"type": "string", "maxLength": 3},
        "loras": {"type": "array", "items": {"$ref": "#/$defs/Size"}},
        "weights_file": {"type": "string", "format": "uri"},
        "anything": {},
    },
    "$defs": {"Size": {"type": "object", "properties": {"width": {"type": "integer"}}}},
}


def checked(schema: dict[str, Any], **sent: Any) -> dict[str, Any]:
    return parameters_from(schema, Parameters).model_validate(sent).model_dump(mode="json")


def test_what_is_not_sent_has_the_default_of_the_schema() -> None:
    assert checked(FLUX, prompt="a lighthouse") == {
        "prompt": "a lighthouse",
        "aspect_ratio": "1:1",
        "num_outputs": 1,
        "guidance": None,
        "image_prompt": None,
        "go_fast": True,
    }


def test_parameters_are_described_in_the_vendors_order() -> None:
    schema = parameters_from(FLUX, Parameters).model_json_schema()

    assert list(schema["properties"])[:3] == ["prompt", "aspect_ratio", "num_outputs"]
    assert schema["properties"]["aspect_ratio"]["enum"] == ["1:1", "16:9"]
    assert schema["properties"]["prompt"]["description"] == "What to draw"
    assert schema["required"] == ["prompt"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prompt", 5),
        ("prompt", None),
        ("num_outputs", 5),
        ("num_outputs", 1.5),
        ("num_outputs", "1"),
        ("aspect_ratio", "2:1"),
        ("guidance", float("inf")),
        ("image_prompt", "not a link"),
        ("go_fast", "yes"),
        ("unknown", 1),
    ],
)
def test_a_wrong_value_is_named(name: str, value: object) -> None:
    with pytest.raises(ValidationError) as invalid:
        checked(FLUX, **{"prompt": "a lighthouse", name: value})

    assert {error["loc"][0] for error in invalid.value.errors()} == {name}


def test_links_and_files_are_found_by_format_or_name() -> None:
    fields = parameters_from(EDIT, Parameters).file_fields()

    assert {name: mark.media for name, mark in fields.items()} == {
        "image_urls": "image",
        "video_url": "video",
        "weights_file": ANY_FILE,
    }
    assert fields["weights_file"].takes("application/x-tar")


def test_alternatives_are_taken_as_they_are() -> None:
    photo = {"image_urls": ["https://example.com/a.png"]}

    assert checked(EDIT, **photo, image_size={"width": 5}, seed=7, copy="abc")["image_size"] == {"width": 5}
    assert checked(EDIT, **photo, image_size="wide", anything=[1, {"a": None}])["anything"] == [1, {"a": None}]
    with pytest.raises(ValidationError):
        checked(EDIT, **photo, image_size="narrow")
    with pytest.raises(ValidationError):
        checked(EDIT, image_urls=[])


def test_equal_schemas_make_one_class() -> None:
    assert parameters_from(FLUX, Parameters) is parameters_from({**FLUX}, Parameters)


def nested(depth: int) -> dict[str, Any]:
    return {"type": "array", "items": nested(depth - 1)} if depth else {"type": "string"}


def repeated(levels: int) -> dict[str, Any]:
    """Each level refers to the one below it eight times: few letters, and millions of parts."""
    below = {f"l{level}": {"allOf": [{"$ref": f"#/$defs/l{level - 1}"}] * 8} for level in range(1, levels)}
    return {"l0": {"type": "string"}, **below}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "properties": []},
        {"type": "object", "properties": {"a": "string"}},
        {"type": "object", "properties": {"a b": {"type": "string"}}},
        {"type": "object", "properties": {"_hidden": {"type": "string"}}},
        {"type": "object", "properties": {"model_dump": {"type": "string"}}},
        {"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}},
        {"type": "object", "properties": {"a": {"$ref": "#/properties/a"}}},
        {"type": "object", "properties": {"a": nested(40)}},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/l5"}}, "$defs": repeated(6)},
        {"type": "object", "properties": {f"a{number}": {} for number in range(MAX_PROPERTIES + 1)}},
        {"type": "object", "properties": {"a": {"description": "long " * 50_000}}},
        {"type": "object", "properties": {"a": {"type": "string", "minimum": "x", "enum": [[1]], "minLength": -5}}},
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each says something else
        parameters_from(schema, Parameters)
