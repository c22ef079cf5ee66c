"""The parameters of models on Replicate, and their names in Replicate's API."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from aijobs.domain.jobs.parameters import Parameters, file_input

Share = Annotated[float, Field(ge=0, le=1)]
EnhanceModel = Literal["Standard V2", "Low Resolution V2", "CGI", "High Fidelity V2", "Text Refine"]


class AnyInput(Parameters):
    """Any parameters. Replicate validates them before anything is charged."""

    model_config = ConfigDict(extra="allow")

    @classmethod
    def as_input(cls, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters as Replicate's `input`."""
        return {name: value for name, value in params.items() if value is not None}


class DescribedInput(AnyInput):
    """Base of the parameters of a model that was added with its schema."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class ImageUpscale(AnyInput):
    """Enlarge and enhance a photo with Topaz (`topazlabs/image-upscale`)."""

    model_config = ConfigDict(extra="forbid")

    image: file_input("image") = Field(  # type: ignore[valid-type]
        description="The photo: an https link, or the code of an uploaded file.",
        examples=["https://example.com/photo.jpg"],
    )
    enhance_model: EnhanceModel = Field(
        default="Standard V2",
        description="Which enhancement: for general photos, for small ones, for renderings, for detail, for text.",
        examples=["High Fidelity V2"],
    )
    upscale_factor: Literal[2, 4, 6] = Field(default=2, description="How many times wider and higher.", examples=[4])
    output_format: Literal["jpg", "png"] = Field(default="jpg", examples=["png"])
    subject_detection: Literal["None", "All", "Foreground", "Background"] = Field(
        default="None", description="Which part of the picture to enhance.", examples=["Foreground"]
    )
    face_enhancement: bool = Field(default=False, description="Whether to work on faces too.", examples=[True])
    face_enhancement_creativity: Share = Field(default=0.0, description="How freely faces are redrawn.", examples=[0.2])
    face_enhancement_strength: Share = Field(default=0.8, description="How sharp faces become.", examples=[0.8])

    @classmethod
    def as_input(cls, params: Mapping[str, Any]) -> dict[str, Any]:
        inputs = super().as_input(params)
        if "upscale_factor" in inputs:
            inputs["upscale_factor"] = f"{inputs['upscale_factor']}x"
        return inputs


#: Models with declared parameters; the others use what their schema says, or AnyInput.
PARAMETERS_OF: Final[Mapping[str, type[AnyInput]]] = {"topazlabs/image-upscale": ImageUpscale}
