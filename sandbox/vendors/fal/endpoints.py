"""The simulated endpoints of fal: what each takes, how it works, and the OpenAPI document that describes it."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from sandbox.pictures.input_images import loaded
from sandbox.pictures.landscapes import encoded, enlarged, landscape
from sandbox.pictures.upscaling import UNREADABLE, WorkFailedError
from sandbox.tasks.engine import OutputFile

MAX_PIXELS: Final = 25_000_000
SIZES: Final[Mapping[str, tuple[int, int]]] = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}


class ImageSize(BaseModel):
    """A size of one's own, in pixels."""

    width: int = Field(default=512, gt=0, le=2048)
    height: int = Field(default=512, gt=0, le=2048)


class FluxSchnellInput(BaseModel):
    """fal takes unknown fields in silence."""

    model_config = ConfigDict(extra="ignore")

    prompt: str = Field(description="The prompt to generate an image from.")
    image_size: (
        ImageSize | Literal["square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"]
    ) = "landscape_4_3"
    num_inference_steps: int = Field(default=4, ge=1, le=12)
    seed: int | None = None
    num_images: int = Field(default=1, ge=1, le=4)
    output_format: Literal["jpeg", "png"] = "jpeg"


class EsrganInput(BaseModel):
    """An upscaler."""

    model_config = ConfigDict(extra="ignore")

    image_url: str = Field(description="Url to input image")
    scale: float = Field(default=2, ge=1, le=8, description="Rescaling factor")
    output_format: Literal["png", "jpeg"] = "png"


class File(BaseModel):
    """As results name a file."""

    url: str
    content_type: str
    file_name: str
    file_size: int
    width: int
    height: int


class Pictures(BaseModel):
    """A result with pictures."""

    images: list[File]
    seed: int
    prompt: str


class OnePicture(BaseModel):
    """A result with one picture."""

    image: File


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """`work` makes the files of a valid input; it blocks, and raises WorkFailedError."""

    title: str
    taken: type[BaseModel]
    given: type[BaseModel]
    work: Callable[[Any], list[OutputFile]]


def _draw(request: FluxSchnellInput) -> list[OutputFile]:
    chosen = request.image_size
    size = SIZES[chosen] if isinstance(chosen, str) else (chosen.width, chosen.height)
    ending = "png" if request.output_format == "png" else "jpg"
    return [
        OutputFile(f"{number}.{ending}", encoded(landscape(f"{request.prompt}/{request.seed}/{number}", size), ending))
        for number in range(request.num_images)
    ]


def _enlarge(request: EsrganInput) -> list[OutputFile]:
    source = loaded(request.image_url)
    try:
        with Image.open(io.BytesIO(source)) as opened:
            if opened.width * opened.height * request.scale**2 > MAX_PIXELS:
                raise WorkFailedError(f"the result would have more than {MAX_PIXELS} pixels")
            larger = enlarged(opened.convert("RGB"), round(request.scale))
    except UNREADABLE as unreadable:
        raise WorkFailedError(f"Could not load the image: {unreadable}") from unreadable
    ending = "png" if request.output_format == "png" else "jpg"
    return [OutputFile(f"0.{ending}", encoded(larger, ending))]


ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    "fal-ai/flux/schnell": Endpoint(title="FLUX.1 [schnell]", taken=FluxSchnellInput, given=Pictures, work=_draw),
    "fal-ai/esrgan": Endpoint(title="Upscale Images", taken=EsrganInput, given=OnePicture, work=_enlarge),
}


def owned_part(endpoint: str) -> str:
    """`owner/alias`: the URLs of a request leave out what is behind it."""
    return "/".join(endpoint.split("/")[:2])


def openapi_of(name: str, endpoint: Endpoint) -> dict[str, Any]:
    """The document that fal publishes for an endpoint of its queue."""
    schemas: dict[str, Any] = {}
    references = {}
    for model in (endpoint.taken, endpoint.given):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
        references[model] = {"$ref": f"#/components/schemas/{model.__name__}"}
    request = f"/{owned_part(name)}/requests/{{request_id}}"
    answered = {"200": {"content": {"application/json": {"schema": references[endpoint.given]}}}}
    taken = {"required": True, "content": {"application/json": {"schema": references[endpoint.taken]}}}
    return {
        "openapi": "3.0.4",
        "info": {"title": f"Queue OpenAPI for {name}", "version": "1.0.0", "description": endpoint.title},
        "components": {"schemas": schemas},
        "paths": {
            f"{request}/status": {"get": {"responses": {"200": {}}}},
            f"{request}/cancel": {"put": {"responses": {"200": {}}}},
            f"/{name}": {"post": {"requestBody": taken, "responses": {"200": {}}}},
            request: {"get": {"responses": answered}},
        },
    }
