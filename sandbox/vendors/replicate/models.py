"""The models of the simulated Replicate, in the format of Replicate's API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue

from sandbox.pictures.upscaling import Format, Sharpening, UpscaleOptions

Schema = Mapping[str, Any]


def _choice(title: str, default: str, choices: list[str]) -> dict[str, Any]:
    return {"type": "string", "title": title, "default": default, "enum": choices}


def _fraction(title: str, default: float) -> dict[str, Any]:
    return {"type": "number", "title": title, "default": default, "minimum": 0, "maximum": 1}


SHARPENING: Final[Mapping[str, Sharpening]] = {
    "Standard V2": Sharpening(radius=1.5, amount=40),
    "Low Resolution V2": Sharpening(radius=2.5, amount=70),
    "CGI": Sharpening(radius=1.0, amount=90),
    "High Fidelity V2": Sharpening(radius=1.0, amount=25),
    "Text Refine": Sharpening(radius=0.8, amount=120),
}
FACTORS: Final[Mapping[str, int]] = {"None": 1, "2x": 2, "4x": 4, "6x": 6}

IMAGE_UPSCALE_INPUT: Final[Schema] = {
    "type": "object",
    "title": "Input",
    "required": ["image"],
    "properties": {
        "image": {"type": "string", "title": "Image", "format": "uri"},
        "enhance_model": _choice("Enhance Model", "Standard V2", list(SHARPENING)),
        "upscale_factor": _choice("Upscale Factor", "None", list(FACTORS)),
        "output_format": _choice("Output Format", "jpg", ["jpg", "png"]),
        "subject_detection": _choice("Subject Detection", "None", ["None", "All", "Foreground", "Background"]),
        "face_enhancement": {"type": "boolean", "title": "Face Enhancement", "default": False},
        "face_enhancement_creativity": _fraction("Face Enhancement Creativity", 0),
        "face_enhancement_strength": _fraction("Face Enhancement Strength", 0.8),
    },
}


@dataclass(frozen=True, kw_only=True)
class ReplicateModel:
    """A model, with the schema of its inputs."""

    owner: str
    name: str
    description: str
    version: str
    created_at: str
    input_schema: Schema

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    def version_document(self) -> dict[str, Any]:
        output = {"type": "string", "title": "Output", "format": "uri"}
        schemas = {"Input": self.input_schema, "Output": output}
        return {
            "id": self.version,
            "created_at": self.created_at,
            "cog_version": "0.23.1",
            "openapi_schema": {"openapi": "3.0.2", "components": {"schemas": schemas}},
        }

    def document(self, *, run_count: int) -> dict[str, Any]:
        return {
            "url": f"https://replicate.com/{self.full_name}",
            "owner": self.owner,
            "name": self.name,
            "description": self.description,
            "visibility": "public",
            "is_official": True,
            "github_url": None,
            "paper_url": None,
            "license_url": None,
            "run_count": run_count,
            "cover_image_url": None,
            "default_example": None,
            "latest_version": self.version_document(),
        }


IMAGE_UPSCALE: Final = ReplicateModel(
    owner="topazlabs",
    name="image-upscale",
    description="Professional-grade image upscaling, from Topaz Labs",
    version="2fdc3b86a01d338ae89ad58e5d9241398a8a01de9b0dda41ba8a0434c8a00dc3",
    created_at="2025-04-25T17:23:43.011894Z",
    input_schema=IMAGE_UPSCALE_INPUT,
)
MODELS: Final[Mapping[str, ReplicateModel]] = {IMAGE_UPSCALE.full_name: IMAGE_UPSCALE}


def model_for_version(version: str) -> ReplicateModel | None:
    """By version id, `owner/name` or `owner/name:version id`."""
    name, _, version_id = version.partition(":") if "/" in version else ("", "", version)
    for model in MODELS.values():
        if name in ("", model.full_name) and version_id in (model.version, "" if name else model.version):
            return model
    return None


def upscale_options(inputs: Mapping[str, JsonValue], *, max_pixels: int) -> UpscaleOptions:
    """The options of a valid image-upscale input."""
    target: Format = "png" if inputs.get("output_format") == "png" else "jpg"
    return UpscaleOptions(
        factor=FACTORS[str(inputs.get("upscale_factor", "None"))],
        sharpening=SHARPENING[str(inputs.get("enhance_model", "Standard V2"))],
        format=target,
        max_pixels=max_pixels,
    )
