"""What the contract suite needs of each provider: a model, parameters, settings for the sandbox, and peculiarities."""

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image
from pydantic import BaseModel, SecretStr

from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.vendor import SandboxAccess
from aijobs.providers.fal import FalSettings
from aijobs.providers.openai import OpenAISettings
from aijobs.providers.registry import PROVIDERS
from aijobs.providers.replicate import ReplicateSettings
from sandbox.server import RunningSandbox

KEY: Final = "r8_sandbox"


def photo() -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (8, 6), "navy").save(drawn, "PNG")
    return drawn.getvalue()


PHOTO: Final = photo()
PHOTO_URL: Final = "data:image/png;base64," + base64.b64encode(PHOTO).decode()


@dataclass(frozen=True, kw_only=True)
class Part:
    """What the contract suite needs of a provider: a model, valid parameters, settings, and its peculiarities."""

    model_id: str  #: empty for one that is added, by `source`
    params: dict[str, Any]
    settings: Callable[[RunningSandbox], BaseModel]
    another: Callable[[str], dict[str, Any]]  #: parameters of a job that is unlike all others
    wrong: dict[str, Any]  #: parameters that the vendor itself refuses...
    named: str  #: ...by this name
    sizes: tuple[tuple[int, int], ...]  #: of the results, in pixels
    takes_uploads: bool
    proves_absence: bool
    tells_queue: bool = True  #: waiting and being worked on have words of their own
    lists_running: bool = True  #: else a lost submission is found only once it has ended
    kind: OutputKind = OutputKind.IMAGE
    is_prepared: bool = False  #: something is made at the vendor before a request, without which nothing is found again
    checks_at_once: bool = True  #: else wrong parameters are told only once the work has begun
    source: str = ""


def _replicate(sandbox: RunningSandbox) -> ReplicateSettings:
    return ReplicateSettings(
        token=SecretStr(KEY),
        base_url=sandbox.url,
        webhook_secret=SecretStr(sandbox.webhook_secret),
        download_hosts=("127.0.0.1",),
    )


def _declared(name: str) -> Callable[[RunningSandbox], BaseModel]:
    def settings_for(sandbox: RunningSandbox) -> BaseModel:
        settings = PROVIDERS[name].settings
        return settings(token=SecretStr(KEY), base_url=sandbox.url, download_hosts=("127.0.0.1",))

    return settings_for


def _stood_in(name: str) -> Callable[[RunningSandbox], BaseModel]:
    def settings_for(sandbox: RunningSandbox) -> BaseModel:
        access = SandboxAccess(url=sandbox.url, token=KEY, webhook_secret=sandbox.webhook_secret)
        values = {**PROVIDERS[name].vendor.stand_in(access), "download_hosts": ("127.0.0.1",)}
        return PROVIDERS[name].settings.model_validate(values)

    return settings_for


def _azure(sandbox: RunningSandbox) -> BaseModel:
    access = SandboxAccess(url=sandbox.url, token=KEY, webhook_secret="")
    return PROVIDERS["azure_openai"].settings.model_validate(PROVIDERS["azure_openai"].vendor.stand_in(access))


def _openai(sandbox: RunningSandbox) -> OpenAISettings:
    secret = sandbox.webhook_secret
    settings = PROVIDERS["openai"].vendor.stand_in(SandboxAccess(url=sandbox.url, token=KEY, webhook_secret=secret))
    return OpenAISettings.model_validate(settings)


def _bedrock(sandbox: RunningSandbox) -> BaseModel:
    package = PROVIDERS["bedrock"]
    stand_in = package.vendor.stand_in(SandboxAccess(url=sandbox.url, token=KEY, webhook_secret=""))
    return package.settings.model_validate(stand_in)


def _fal(sandbox: RunningSandbox) -> FalSettings:
    urls = PROVIDERS["fal"].vendor.stand_in(SandboxAccess(url=sandbox.url, token=KEY, webhook_secret=""))
    return FalSettings.model_validate({**urls, "download_hosts": ("127.0.0.1",)})


PARTS: Final = {
    "bedrock": Part(
        model_id="bedrock_luma_ray_v1",
        params={"prompt": "a lighthouse at dusk", "aspect_ratio": "1:1", "resolution": "540p"},
        settings=_bedrock,
        another=lambda name: {"prompt": f"a lighthouse called {name}"},
        wrong={"duration": "99s"},
        named="duration",
        sizes=((540, 540),),
        takes_uploads=True,
        proves_absence=True,
        tells_queue=False,
        kind=OutputKind.VIDEO,
    ),
    "black_forest_labs": Part(
        model_id="bfl_flux2_pro_v1",
        params={"prompt": "a lighthouse at dusk", "width": 256, "height": 128},
        settings=_declared("black_forest_labs"),
        another=lambda name: {"prompt": f"a lighthouse called {name}"},
        wrong={"width": 200},
        named="width",
        sizes=((256, 128),),
        takes_uploads=True,
        proves_absence=False,
        tells_queue=False,
    ),
    "cog": Part(
        model_id="",
        source="painter",
        params={"prompt": "a lighthouse at dusk", "width": 64, "height": 48},
        settings=_stood_in("cog"),
        another=lambda name: {"prompt": f"a lighthouse called {name}"},
        wrong={"width": 5},
        named="width",
        sizes=((64, 48),),
        takes_uploads=False,
        proves_absence=False,
        tells_queue=False,
    ),
    "comfyui": Part(
        model_id="",
        source="image_upscale",
        params={"image": "example.png", "scale_by": 2.0},
        settings=_stood_in("comfyui"),
        another=lambda _name: {"scale_by": 1.5},
        wrong={"scale_by": 99.0},
        named="scale_by",
        sizes=((96, 64),),
        takes_uploads=True,
        proves_absence=True,
    ),
    "dashscope": Part(
        model_id="dashscope_wan_v1",
        params={"prompt": "a lighthouse at dusk", "size": "480*480", "duration": 2},
        settings=_declared("dashscope"),
        another=lambda name: {"prompt": f"a lighthouse called {name}"},
        wrong={"duration": 99},
        named="duration",
        sizes=((480, 480),),
        takes_uploads=False,
        proves_absence=False,
        kind=OutputKind.VIDEO,
    ),
    "fal": Part(
        model_id="fal_esrgan_v1",
        params={"image_url": PHOTO_URL, "scale": 2},
        settings=_fal,
        another=lambda name: {"image_url": f"https://example.invalid/{name}.png"},
        wrong={"scale": 99},
        named="scale",
        sizes=((16, 12),),
        takes_uploads=True,
        proves_absence=False,
        lists_running=False,
        checks_at_once=False,
    ),
    "gemini": Part(
        model_id="gemini_veo31_v1",
        params={"prompt": "a lighthouse at dusk", "duration": 4},
        settings=_declared("gemini"),
        another=lambda name: {"prompt": f"a lighthouse called {name}"},
        wrong={"duration": 99},
        named="durationSeconds",
        sizes=((1280, 720),),
        takes_uploads=True,
        proves_absence=False,
        tells_queue=False,
        kind=OutputKind.VIDEO,
    ),
    "kling": Part(
        model_id="kling_video_v1",
        params={"prompt": "a lighthouse at dusk", "aspect_ratio": "1:1", "resolution": "720p", "duration": 3},
        settings=_declared("kling"),
        another=lambda name: {"prompt": f"a lighthouse called {name}"},
        wrong={"duration": 99},
        named="duration",
        sizes=((720, 720),),
        takes_uploads=False,
        proves_absence=True,
        kind=OutputKind.VIDEO,
    ),
    "minimax": Part(
        model_id="minimax_hailuo_v1",
        params={"prompt": "a lighthouse at dusk", "first_frame_image": PHOTO_URL, "resolution": "512P", "duration": 6},
        settings=_declared("minimax"),
        another=lambda name: {"prompt": f"a lighthouse called {name}"},
        wrong={"duration": 99},
        named="duration",
        sizes=((912, 512),),
        takes_uploads=True,
        proves_absence=False,
        kind=OutputKind.VIDEO,
    ),
    "azure_openai": Part(
        model_id="azure_openai_picture_v1",
        params={"prompt": "a lighthouse at dusk", "size": "1024x1024", "output_format": "webp"},
        settings=_azure,
        another=lambda name: {"prompt": f"a lighthouse called {name}"},
        wrong={"size": "3x3"},
        named="size",
        sizes=((1024, 1024),),
        takes_uploads=False,
        proves_absence=False,
    ),
    "openai": Part(
        model_id="openai_picture_v1",
        params={"prompt": "a lighthouse at dusk", "size": "1024x1024", "output_format": "webp"},
        settings=_openai,
        another=lambda name: {"prompt": f"a lighthouse called {name}"},
        wrong={"size": "3x3"},
        named="size",
        sizes=((1024, 1024),),
        takes_uploads=False,
        proves_absence=False,
        is_prepared=True,
    ),
    "replicate": Part(
        model_id="replicate_imageupscale_v1",
        params={"image": PHOTO_URL, "upscale_factor": 2},
        settings=_replicate,
        another=lambda name: {"image": f"https://example.invalid/{name}.png"},
        wrong={"upscale_factor": 3},
        named="upscale_factor",
        sizes=((16, 12),),
        takes_uploads=True,
        proves_absence=True,
    ),
    "volcengine": Part(
        model_id="volcengine_seedance_v1",
        params={"prompt": "a lighthouse at dusk", "resolution": "480p", "ratio": "1:1", "duration": 2},
        settings=_declared("volcengine"),
        another=lambda name: {"prompt": f"a lighthouse called {name}"},
        wrong={"duration": 99},
        named="duration",
        sizes=((480, 480),),
        takes_uploads=True,
        proves_absence=False,
        kind=OutputKind.VIDEO,
    ),
    "runway": Part(
        model_id="runway_gen4_turbo_v1",
        params={"promptImage": PHOTO_URL, "ratio": "960:960", "duration": 2},
        settings=_declared("runway"),
        another=lambda name: {"promptText": f"a ship called {name}"},
        wrong={"ratio": "16:9"},
        named="ratio",
        sizes=((960, 960),),
        takes_uploads=True,
        proves_absence=False,
        kind=OutputKind.VIDEO,
    ),
    "ttapi": Part(
        model_id="ttapi_midjourney_v7",
        params={"prompt": "a lighthouse at dusk"},
        settings=_declared("ttapi"),
        another=lambda name: {"prompt": f"a lighthouse called {name}"},
        wrong={"aspect": "16:0"},
        named="--ar",
        sizes=((1024, 1024), (512, 512), (512, 512), (512, 512), (512, 512)),
        takes_uploads=False,
        proves_absence=False,
    ),
}
