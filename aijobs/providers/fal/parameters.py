"""The parameters of shipped models on fal. Those of added models come from the schema that fal publishes."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from aijobs.domain.jobs.parameters import Parameters, file_input

Picture = Annotated[int, Field(ge=1, le=4)]


class AnyFalInput(Parameters):
    """Any parameters. fal checks them when it begins."""

    model_config = ConfigDict(extra="allow")

    @classmethod
    def as_input(cls, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters as the body of a submit."""
        return {name: value for name, value in params.items() if value is not None}


class DescribedFalInput(AnyFalInput):
    """Base of the parameters of a model that was added with its schema. fal takes unknown ones in silence."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class FluxSchnell(AnyFalInput):
    """Draw a picture with FLUX.1 [schnell] (`fal-ai/flux/schnell`)."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(min_length=1, max_length=10_000, description="What to draw.", examples=["a lighthouse at dusk"])
    image_size: Literal["square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"] = (
        Field(default="landscape_4_3", description="The form of the picture.", examples=["square"])
    )
    num_images: Picture = Field(default=1, description="How many pictures.", examples=[2])
    num_inference_steps: Annotated[int, Field(ge=1, le=12)] = Field(default=4, description="How carefully to draw.")
    seed: int | None = Field(default=None, description="Equal seeds give equal pictures.", examples=[7])
    output_format: Literal["jpeg", "png"] = Field(default="jpeg", examples=["png"])


class Esrgan(AnyFalInput):
    """Enlarge a picture with ESRGAN (`fal-ai/esrgan`)."""

    model_config = ConfigDict(extra="forbid")

    image_url: file_input("image") = Field(  # type: ignore[valid-type]
        description="The picture: an https link, or the code of an uploaded file.",
        examples=["https://example.com/photo.jpg"],
    )
    scale: Annotated[float, Field(ge=1, le=8)] = Field(
        default=2, description="How many times wider and higher.", examples=[4]
    )
    output_format: Literal["png", "jpeg"] = Field(default="png", examples=["jpeg"])


#: Models with declared parameters; the others use what their schema says, or anything.
PARAMETERS_OF: Final[Mapping[str, type[AnyFalInput]]] = {
    "fal-ai/flux/schnell": FluxSchnell,
    "fal-ai/esrgan": Esrgan,
}
