"""The parameters of image-upscale, and the errors for invalid values."""

from typing import Any

import pytest

from aijobs.domain.catalogue import Model
from aijobs.domain.errors import InvalidParameters
from aijobs.domain.jobs.parameters import check_parameters
from aijobs.domain.ports.providers import Provider
from aijobs.providers.replicate.parameters import ImageUpscale

PHOTO = "https://example.com/photo.jpg"


def checked(replicate: Provider, model: Model, **sent: Any) -> dict[str, Any]:
    return check_parameters(model, replicate.parameters(model), {"image": PHOTO, **sent}).model_dump()


def test_a_photo_is_enough(replicate: Provider, upscale: Model) -> None:
    assert checked(replicate, upscale) == {
        "image": PHOTO,
        "enhance_model": "Standard V2",
        "upscale_factor": 2,
        "output_format": "jpg",
        "subject_detection": "None",
        "face_enhancement": False,
        "face_enhancement_creativity": 0.0,
        "face_enhancement_strength": 0.8,
    }


def test_a_file_may_be_named_by_its_code(replicate: Provider, upscale: Model) -> None:
    code = "file_06EYKR3WVF8Z2Q5X7M9N1P3T4V"

    assert checked(replicate, upscale, image=code)["image"] == code
    assert list(replicate.parameters(upscale).file_fields()) == ["image"]


@pytest.mark.parametrize("factor", [2, 4, 6])
@pytest.mark.parametrize(
    "enhance_model", ["Standard V2", "Low Resolution V2", "CGI", "High Fidelity V2", "Text Refine"]
)
def test_every_documented_value_is_taken(replicate: Provider, upscale: Model, factor: int, enhance_model: str) -> None:
    assert checked(replicate, upscale, upscale_factor=factor, enhance_model=enhance_model)


@pytest.mark.parametrize("share", [0, 1, 0.5])
def test_a_whole_number_is_a_number(replicate: Provider, upscale: Model, share: float) -> None:
    params = checked(replicate, upscale, face_enhancement_creativity=share, face_enhancement_strength=share)

    assert params["face_enhancement_creativity"] == share


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("image", "ftp://example.com/a.jpg"),
        ("image", ""),
        ("image", None),
        ("image", 5),
        ("image", "https://example.com/" + "a" * 5000),
        ("enhance_model", "standard v2"),
        ("upscale_factor", 3),
        ("upscale_factor", "4x"),
        ("upscale_factor", "4"),
        ("upscale_factor", True),
        ("upscale_factor", None),
        ("output_format", "webp"),
        ("subject_detection", None),
        ("face_enhancement", 1),
        ("face_enhancement", "true"),
        ("face_enhancement_creativity", False),
        ("face_enhancement_creativity", "0.5"),
        ("face_enhancement_strength", 1.01),
        ("face_enhancement_strength", -0.01),
        ("face_enhancement_strength", float("nan")),
        ("prompt", "a lighthouse"),
        ("webhook", "https://evil.example"),
    ],
)
def test_a_wrong_value_is_named_by_its_field(replicate: Provider, upscale: Model, field: str, wrong: Any) -> None:
    with pytest.raises(InvalidParameters) as invalid:
        checked(replicate, upscale, **{field: wrong})

    assert [error.pointer for error in invalid.value.fields] == [f"/params/{field}"]


def test_a_photo_is_needed(replicate: Provider, upscale: Model) -> None:
    with pytest.raises(InvalidParameters) as invalid:
        check_parameters(upscale, replicate.parameters(upscale), {})

    assert [error.pointer for error in invalid.value.fields] == ["/params/image"]


def test_the_schema_tells_a_form_what_to_show() -> None:
    fields = ImageUpscale.model_json_schema()["properties"]

    assert fields["upscale_factor"]["enum"] == [2, 4, 6]
    assert fields["image"]["format"] == "uri-or-file"
    assert all("examples" in field for field in fields.values())


def test_a_model_that_we_do_not_know_takes_what_it_is_given(replicate: Provider, upscale: Model) -> None:
    other = upscale.model_copy(update={"model": "black-forest-labs/flux-schnell"})
    sent = {"prompt": "a lighthouse", "seed": 7, "go_fast": None}

    params = check_parameters(other, replicate.parameters(other), sent).model_dump()

    assert replicate.parameters(other).as_input(params) == {"prompt": "a lighthouse", "seed": 7}  # type: ignore[attr-defined]
