"""One provider with its simulated vendor, for the contract suite."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from PIL import Image
from pydantic import BaseModel, SecretStr

from aijobs.adapters.network.http_client import Timeouts
from aijobs.domain.catalogue import Model
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.jobs.submissions import Accepted, Found, ProviderRequest, Ref, Search, Submission, SubmitOutcome
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Snapshot, Task
from aijobs.domain.values.ids import new_id
from aijobs.domain.vendor import SandboxAccess
from aijobs.providers.fal import FalSettings
from aijobs.providers.openai import OpenAISettings
from aijobs.providers.registry import PROVIDERS
from aijobs.providers.replicate import ReplicateSettings
from sandbox.server import RunningSandbox

TIMEOUTS: Final = Timeouts(silence=timedelta(seconds=0.8), whole=timedelta(seconds=2))
KEY: Final = "r8_sandbox"
POLL: Final = 0.02
LONGEST: Final = 60.0  #: seconds, on however slow a machine


def photo() -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (8, 6), "navy").save(drawn, "PNG")
    return drawn.getvalue()


PHOTO: Final = photo()
PHOTO_URL: Final = "data:image/png;base64," + base64.b64encode(PHOTO).decode()


@dataclass(frozen=True, kw_only=True)
class Part:
    """What the contract suite needs of a provider: a model, valid parameters, settings, and its peculiarities."""

    model_id: str
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


def _openai(sandbox: RunningSandbox) -> OpenAISettings:
    secret = sandbox.webhook_secret
    settings = PROVIDERS["openai"].vendor.stand_in(SandboxAccess(url=sandbox.url, token=KEY, webhook_secret=secret))
    return OpenAISettings.model_validate(settings)


def _fal(sandbox: RunningSandbox) -> FalSettings:
    urls = PROVIDERS["fal"].vendor.stand_in(SandboxAccess(url=sandbox.url, token=KEY, webhook_secret=""))
    return FalSettings.model_validate({**urls, "download_hosts": ("127.0.0.1",)})


PARTS: Final = {
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


@dataclass(frozen=True)
class Scene:
    """`sandbox.misbehave(...)` first, then act by `provider`."""

    provider: Provider
    sandbox: RunningSandbox
    model: Model
    part: Part

    def submission(
        self, *, webhook_url: str | None = None, action: str | None = None, origin: Ref | None = None, **params: Any
    ) -> Submission:
        """A new submission, as it is stored before it is sent. Its token is in its webhook URL, if it has one."""
        token = new_id("sub")
        task = Task(
            job_code=new_id("job"),
            model=self.model,
            params={**self.part.params, **params},
            output_count=1,
            token=token,
            webhook_url=webhook_url and f"{webhook_url}/{token}",
            action=action,
            origin=origin,
        )
        return stored(task, self.provider.build_request(task))

    async def submit(self, submission: Submission) -> SubmitOutcome:
        return await self.provider.submit(submission.request)

    async def started(self, **params: Any) -> Ref:
        outcome = await self.submit(self.submission(**params))
        assert isinstance(outcome, Accepted)
        return outcome.ref

    async def watched(self, ref: Ref) -> list[Snapshot]:
        """Every snapshot until the final one."""
        snapshots: list[Snapshot] = []
        async with asyncio.timeout(LONGEST):
            while not snapshots or not snapshots[-1].final:
                snapshots.append(await self.provider.query(ref))
                await asyncio.sleep(POLL)
        return snapshots

    async def finished(self, **params: Any) -> tuple[Ref, Snapshot]:
        ref = await self.started(**params)
        return ref, (await self.watched(ref))[-1]

    @property
    def not_found(self) -> Search:
        """What a search without a result is: of a vendor without a list, nothing can be said."""
        return Search.NOT_YET if self.reconciles else Search.IMPOSSIBLE

    @property
    def reconciles(self) -> bool:
        """Whether a request that nothing was prepared for can be found again."""
        return self.provider.capabilities.reconcile_window is not None and not self.part.is_prepared

    async def found(self, submission: Submission) -> Found | Search:
        """The result of looking for a lost submission, once the vendor may list it."""
        async with asyncio.timeout(LONGEST):
            while True:
                found = await self.provider.reconcile(submission, known_ids=frozenset())
                if self.part.lists_running or isinstance(found, Found):
                    return found
                await asyncio.sleep(POLL)

    def paid(self) -> int:
        """How many submits the vendor has accepted."""
        return len(self.sandbox.ledger())


def stored(task: Task, request: ProviderRequest) -> Submission:
    return Submission(
        id=1,
        job_code=task.job_code,
        number=1,
        token=task.token,
        request=request,
        intent_at=datetime.now(UTC),
        outcome=None,
        ref=None,
    )


def aged(submission: Submission, age: timedelta) -> Submission:
    return replace(submission, intent_at=submission.intent_at - age)


@asynccontextmanager
async def opened_scene(name: str, sandbox: RunningSandbox, model: Model) -> AsyncIterator[Scene]:
    part = PARTS[name]
    sandbox.behave()
    await sandbox.context.services[name].reset()  # a vendor may have room for only so many unfinished jobs
    sandbox.pace(queue_seconds=0, work_seconds=0.1)
    async with PROVIDERS[name].opened(part.settings(sandbox), timeouts=TIMEOUTS) as provider:
        yield Scene(provider, sandbox, model, part)
