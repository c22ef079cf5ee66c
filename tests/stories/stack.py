"""The real stack: Temporal, the sandbox, an API process and a worker process, as an operator runs them."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.vendor_credentials import FRESH_FOR
from cli.embedded.ports import free_port
from cli.embedded.processes import Process, ProcessSpec, running
from cli.embedded.temporal_server import TemporalServer, temporal_server
from sandbox.config import Pace, SandboxConfig
from sandbox.server import RunningSandbox
from sandbox.server import running as running_sandbox
from workflows.data_converter import DATA_CONVERTER
from workflows.task_queues import WORKFLOWS

TIMEOUT: Final = 60.0
FOLDER: Final = Path(__file__).parent
PHOTO: Final = FOLDER.parent.parent / "cli" / "samples" / "sample.jpg"

UPSCALE: Final = "replicate_imageupscale_v1"
MIDJOURNEY: Final = "ttapi_midjourney_v7"
LUMA_RAY: Final = "bedrock_luma_ray_v1"
VEO: Final = "gemini_veo31_v1"
QUICK_POLLS: Final = {"first": "100ms", "factor": 1.2, "max": "300ms"}


@dataclass
class StoryStack:
    """A running stack. `api` is an HTTP client with a service key."""

    temporal: TemporalServer
    sandbox: RunningSandbox
    api: httpx.AsyncClient
    environment: dict[str, str]
    exit_stack: AsyncExitStack
    processes: dict[str, Process] = field(default_factory=dict)

    async def start(self, name: str) -> None:
        """Start the API or the worker."""
        starters = {"api": running_api, "worker": running_worker}
        self.processes[name] = await self.exit_stack.enter_async_context(starters[name](self))

    async def kill(self, name: str) -> None:
        """End the process with SIGKILL, as the kernel does when memory runs out."""
        os.killpg(self.processes[name].pid, signal.SIGKILL)
        await self.processes[name].ended()

    async def temporal_client(self) -> Client:
        return await Client.connect(self.temporal.address, data_converter=DATA_CONVERTER)

    async def submit(self, *, model: str = UPSCALE, user: str = "ada", **fields: Any) -> str:
        """Submit a job and return its code. Without a parameter `image`, the sample photo is uploaded."""
        params = fields.pop("params", {})
        if "image" not in params:
            params = {**params, "image": await self.upload(PHOTO.read_bytes(), user=user)}
        response = await self.api.post(
            "/api/jobs", json={"model_id": model, "params": params, "user_id": user, **fields}
        )
        assert response.status_code == 202, response.text
        code: str = response.json()["code"]
        return code

    async def upload(self, content: bytes, *, user: str = "ada", name: str = "photo.jpg") -> str:
        response = await self.api.post("/api/files", files={"file": (name, content)}, headers={"Aijobs-User": user})
        assert response.status_code in {200, 201}, response.text
        code: str = response.json()["code"]
        return code

    async def job(self, code: str, *, user: str = "ada") -> dict[str, Any]:
        response = await self.api.get(f"/api/jobs/{code}", headers={"Aijobs-User": user})
        response.raise_for_status()
        job: dict[str, Any] = response.json()
        return job

    async def events(self, code: str, *, user: str = "ada", after: int = 0) -> list[dict[str, Any]]:
        """Every event of the job's stream, until the stream ends."""
        return [event async for event in self.stream(code, user=user, after=after)]

    async def stream(self, code: str, *, user: str = "ada", after: int = 0) -> AsyncIterator[dict[str, Any]]:
        headers = {"Aijobs-User": user, "Accept": "text/event-stream", "Last-Event-ID": str(after)}
        async with (
            asyncio.timeout(TIMEOUT),
            self.api.stream("GET", f"/api/jobs/{code}/events", headers=headers) as response,
        ):
            assert response.status_code == 200, await response.aread()
            async for line in response.aiter_lines():
                if line.startswith("data:"):
                    yield json.loads(line.removeprefix("data:"))

    async def statuses(self, code: str, *, user: str = "ada") -> list[str]:
        """Wait until the job has ended; the names of all statuses that it went through."""
        return [event["job_status_name"] for event in await self.events(code, user=user) if event["kind"] == "status"]

    async def until(self, code: str, *statuses: JobStatus, user: str = "ada") -> None:
        """Wait until the job has entered one of these statuses."""
        async for event in self.stream(code, user=user):
            if event["job_status"] in statuses:
                return

    async def points_used(self, user: str) -> int:
        response = await self.api.get("/api/points", headers={"Aijobs-User": user})
        used: int = response.json()["used"]
        return used

    async def mend_credentials(self) -> None:
        """Use all credentials again that are left alone, as soon as the worker has looked at them anew."""
        listed = (await self.api.get("/api/credentials")).raise_for_status().json()["data"]
        spoilt = [known["credential"] for known in listed if known["state"] != "closed"]
        for credential in spoilt:
            (await self.api.post(f"/api/credentials/{credential}/reset")).raise_for_status()
        if spoilt:
            await asyncio.sleep(2 * FRESH_FOR)

    def paid_submits(self) -> int:
        return len(self.sandbox.ledger())


@asynccontextmanager
async def running_stack(
    data_dir: Path,
    *,
    temporal: TemporalServer | None = None,
    public: bool = False,
    pace: Pace | None = None,
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[StoryStack]:
    """A new stack with all data under `data_dir`. With `public`, providers send webhooks and read our store's links."""
    async with AsyncExitStack() as exit_stack:
        server = (
            temporal
            if temporal is not None
            else await exit_stack.enter_async_context(temporal_server(data_dir=data_dir / "temporal"))
        )
        quick_pace = pace or Pace(queue_seconds=0.4, work_seconds=0.8)
        sandbox = await exit_stack.enter_async_context(running_sandbox(SandboxConfig(port=0, pace=quick_pace)))
        port = free_port()
        environment = environment_for(data_dir, server, sandbox, port, public=public) | dict(settings or {})
        api = await exit_stack.enter_async_context(
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=TIMEOUT, trust_env=False)
        )
        stack = StoryStack(server, sandbox, api, environment, exit_stack)
        await stack.start("api")
        await stack.start("worker")
        api.headers["Authorization"] = f"Bearer {(data_dir / 'key').read_text().strip()}"
        yield stack


def running_api(stack: StoryStack) -> AbstractAsyncContextManager[Process]:
    async def is_ready() -> bool:
        try:
            return (await stack.api.get("/healthz")).status_code == 200
        except httpx.TransportError:
            return False

    return running(spec_for("api", stack.environment), is_ready=is_ready)


def running_worker(stack: StoryStack) -> AbstractAsyncContextManager[Process]:
    async def is_ready() -> bool:
        client = await stack.temporal_client()
        request = DescribeTaskQueueRequest(
            namespace="default",
            task_queue=TaskQueue(name=WORKFLOWS),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        return bool((await client.workflow_service.describe_task_queue(request)).pollers)

    return running(spec_for("worker", stack.environment), is_ready=is_ready)


def spec_for(command: str, environment: dict[str, str]) -> ProcessSpec:
    log = Path(environment["AIJOBS_DATA_DIR"]) / "logs" / f"{command}.log"
    return ProcessSpec(
        name=command, command=(sys.executable, "-m", "cli.main", command), environment=environment, log=log
    )


def environment_for(
    data_dir: Path, temporal: TemporalServer, sandbox: RunningSandbox, port: int, *, public: bool
) -> dict[str, str]:
    catalogue = data_dir / "catalogue.toml"
    catalogue.parent.mkdir(parents=True, exist_ok=True)
    catalogue.write_text(story_catalogue())
    host = sandbox.url.removeprefix("http://")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIJOBS_", "TEMPORAL_"))}
    return {
        **inherited,
        "TEMPORAL_ADDRESS": temporal.address,
        "AIJOBS_DATA_DIR": str(data_dir),
        "AIJOBS_CATALOGUE": str(catalogue),
        "AIJOBS_API__PORT": str(port),
        "AIJOBS_POINTS__DAILY_LIMIT": "100000",
        "AIJOBS_WORKER__REPAIR_EVERY": "1s",
        "AIJOBS_SANDBOX_URL": sandbox.url,
        "AIJOBS_REPLICATE__TOKEN": "r8_story",
        "AIJOBS_REPLICATE__BASE_URL": sandbox.url,
        "AIJOBS_REPLICATE__WEBHOOK_SECRET": sandbox.webhook_secret,
        "AIJOBS_TTAPI__TOKEN": "tt_story",
        "AIJOBS_TTAPI__BASE_URL": sandbox.url,
        "AIJOBS_BEDROCK__ACCESS_KEY": "aws-story",
        "AIJOBS_BEDROCK__TOKEN": "aws-story",
        "AIJOBS_BEDROCK__BASE_URL": sandbox.url,
        "AIJOBS_BEDROCK__OUTPUT_URL": "s3://films/story",
        "AIJOBS_BEDROCK__S3_ENDPOINT": f"{sandbox.url}/s3",
        "AIJOBS_COMFYUI__BASE_URL": f"{sandbox.url}/comfyui",
        "AIJOBS_GEMINI__TOKEN": "AIza-story",
        "AIJOBS_GEMINI__BASE_URL": sandbox.url,
        "AIJOBS_CHAT__TOKEN": "sk-story",
        "AIJOBS_CHAT__BASE_URL": f"{sandbox.url}/openai/v1",
        "AIJOBS_DOWNLOAD__ALLOW_HOSTS": host,
        **({"AIJOBS_PUBLIC_URL": f"http://127.0.0.1:{port}"} if public else {}),
    }


#: A copy of the upscale model for each deadline, with that deadline short.
HASTY: Final = ("submit", "queue", "processing", "migrate", "business")


#: Midjourney with a short processing deadline.
HASTY_MIDJOURNEY: Final = """
[models.hasty_midjourney]
model_code = "hasty"
model_name = "Hasty Midjourney"
model = "midjourney-v7"
model_version = "7.0"
model_desc = "Gives up soon"
platform = "TTApi"
channel = "ttapi"
provider = "ttapi"
asyn = true
type = "image"
unit_point = 1
max_output_count = 1
output_kind = "image"
unit_progress = ["PROCESSING"]
deadlines = {{ submit = "1h", queue = "1h", processing = "2s", migrate = "1h", business = "1h" }}
poll = {{ {polls} }}
"""


def story_catalogue() -> str:
    """Quick polls, and a `hasty_…` model for each deadline, whose points after a cancel depend on the provider."""
    polls = ", ".join(f"{key} = {json.dumps(value)}" for key, value in QUICK_POLLS.items())
    parts = [f"[models.{model}]\npoll = {{ {polls} }}\n" for model in (UPSCALE, MIDJOURNEY, LUMA_RAY, VEO)]
    for deadline in HASTY:
        times = {name: "2s" if name == deadline else "1h" for name in HASTY}
        deadlines = ", ".join(f'{name} = "{time}"' for name, time in times.items())
        parts.append(
            f"""
[models.hasty_{deadline}]
model_code = "hasty"
model_name = "Hasty"
model = "topazlabs/image-upscale"
model_version = "1.0"
model_desc = "Gives up soon"
platform = "Replicate"
channel = "replicate"
provider = "replicate"
asyn = true
type = "image"
unit_point = 2
max_output_count = 1
output_kind = "image"
unit_progress = ["PROCESSING"]
points = {{ canceled = "by_outcome" }}
deadlines = {{ {deadlines} }}
poll = {{ {polls} }}
"""
        )
    return "".join([*parts, HASTY_MIDJOURNEY.format(polls=polls)])
