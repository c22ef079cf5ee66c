"""ComfyUI: workflows as models, seeds, a queue in memory, cancels in three ways, and what a restart wipes out."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import ValidationError

from aijobs.domain.catalogue import Model
from aijobs.domain.errors import BadInput, ProviderUnavailable
from aijobs.domain.jobs.submissions import Accepted, CancelOutcome, Found, Rejected, Search
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import ModelSource
from aijobs.domain.provider_io import Task
from aijobs.providers.comfyui import ComfyUISettings, opened
from aijobs.providers.comfyui.answers import ended_snapshot, entry_in, waiting_in
from aijobs.providers.comfyui.workflow import SAMPLES
from sandbox.server import RunningSandbox
from tests.providers.open_provider import POLL, TIMEOUTS, added_model, aged, opened_provider, stored
from tests.providers.scene import Scene, opened_scene

At = Callable[..., Awaitable[Any]]
TEXT_TO_IMAGE: Final = json.loads((SAMPLES / "text_to_image.json").read_text())
EMPTY: Final[dict[str, list[Any]]] = {"queue_running": [], "queue_pending": []}


@pytest.fixture
async def upscaling(sandbox: RunningSandbox) -> AsyncIterator[Scene]:
    async with opened_scene("comfyui", sandbox, None) as scene:
        yield scene


@pytest.fixture
async def drawing(upscaling: Scene) -> Scene:
    model = await added_model("comfyui", upscaling.provider, "text_to_image")
    return replace(upscaling, model=model, params={"prompt": "a lighthouse", "width": 64, "height": 48, "steps": 4})


def settings_for(sandbox: RunningSandbox, **more: Any) -> ComfyUISettings:
    return ComfyUISettings.model_validate({"token": "none", "base_url": f"{sandbox.url}/comfyui", **more})


def test_parameters_are_those_of_the_server_s_nodes(drawing: Scene) -> None:
    schema = drawing.provider.parameters(drawing.model).model_json_schema()
    properties = schema["properties"]

    assert list(properties) == [
        "checkpoint",
        "width",
        "height",
        "prompt",
        "negative_prompt",
        "seed",
        "steps",
        "cfg",
    ]
    assert properties["checkpoint"]["enum"] == ["v1-5-pruned-emaonly.safetensors", "landscapes.safetensors"]
    assert {"minimum": 1, "maximum": 10000, "default": 20}.items() <= properties["steps"].items()
    assert properties["prompt"]["description"] == "The text to be encoded."
    assert schema["required"] == ["prompt"]
    assert drawing.model.output_kind == "image"


@pytest.mark.parametrize(
    "wrong", [{}, {"prompt": "x", "stepz": 3}, {"prompt": "x", "steps": 0}, {"prompt": "x", "checkpoint": "other.ckpt"}]
)
def test_wrong_parameters_are_refused_before_anything_is_sent(drawing: Scene, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        drawing.provider.parameters(drawing.model).model_validate(wrong)


def test_a_link_is_refused_since_nobody_would_read_it(upscaling: Scene) -> None:
    parameters = upscaling.provider.parameters(upscaling.model)

    parameters.model_validate({"image": "file_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"})
    with pytest.raises(ValidationError, match="reads no links"):
        parameters.model_validate({"image": "https://example.com/photo.png"})


def test_parameters_go_to_their_places_and_the_rest_stays(drawing: Scene) -> None:
    graph = drawing.submission(seed=7, negative_prompt="rain").request.body["prompt"]

    sampler = graph["3"]["inputs"]
    assert (graph["6"]["inputs"]["text"], graph["7"]["inputs"]["text"]) == ("a lighthouse", "rain")
    assert (sampler["seed"], sampler["steps"], sampler["cfg"], sampler["model"]) == (7, 4, 8.0, ["4", 0])
    assert "_meta" not in graph["3"]


def test_each_submission_has_a_seed_of_its_own(drawing: Scene) -> None:
    one, other = (drawing.submission().request.body["prompt"]["3"]["inputs"]["seed"] for _ in range(2))

    assert one != other


async def test_a_picture_is_drawn_by_the_prompt(drawing: Scene) -> None:
    ref, last = await drawing.finished(seed=7)

    (source,) = await drawing.provider.outputs(ref, last)

    assert last.status is JobStatus.GENERATED
    assert (source.url or "").startswith(f"{drawing.sandbox.url}/comfyui/view?filename=9-aijobs_")
    assert "prompt" not in last.raw


async def test_a_refusal_names_the_node_and_the_input(drawing: Scene) -> None:
    outcome = await drawing.submit(drawing.submission(steps=0, width=8))

    assert isinstance(outcome, Rejected)
    assert "KSampler (3): Value 0 smaller than min of 1: steps" in outcome.message
    assert "EmptyLatentImage (5): Value 8 smaller than min of 16: width" in outcome.message


async def test_a_workflow_of_the_operator_is_added_by_its_file(sandbox: RunningSandbox, tmp_path: Path) -> None:
    graph = {**TEXT_TO_IMAGE, "7": {**TEXT_TO_IMAGE["7"], "_meta": {"title": "Negative"}}}
    (tmp_path / "mine.json").write_text(json.dumps(graph))
    async with opened_provider("comfyui", settings_for(sandbox, workflows=tmp_path)) as (provider, _):
        model = await added_model("comfyui", provider, "mine")
        (tmp_path / "mine.json").unlink()  # from now on it is in the model

        request = provider.build_request(task_of(model, {"prompt": "a cat"}))

    assert "negative_prompt" not in provider.parameters(model).model_fields
    assert request.body["prompt"]["7"]["inputs"]["text"] == "text, watermark"


def task_of(model: Model, params: dict[str, Any]) -> Task:
    return Task(job_code="job_1", model=model, params=params, output_count=1, token="sub_1", webhook_url=None)


def with_title(title: str) -> dict[str, Any]:
    return {"6": {**TEXT_TO_IMAGE["6"], "_meta": {"title": title}}}


#: What may be wrong with a workflow, and what is said of it.
UNUSABLE: Final[dict[str, tuple[str, str]]] = {
    "the format of the editor": (json.dumps({"nodes": [], "links": []}), "Export"),
    "no JSON": ("{", "cannot be read"),
    "nothing to set": (json.dumps({"6": {**TEXT_TO_IMAGE["6"], "_meta": {}}}), "names a parameter in its title"),
    "an input that is not there": (json.dumps(with_title("{prompt}")), "has no input prompt of its own"),
    "an input that another node fills": (json.dumps(with_title("{clip}")), "has no input clip of its own"),
    "a node that the server has not": (
        json.dumps({"1": {"class_type": "FancyNode", "inputs": {"a": 1}, "_meta": {"title": "{a}"}}}),
        "has no node FancyNode",
    ),
}


@pytest.mark.parametrize("name", UNUSABLE)
async def test_a_workflow_that_cannot_be_used_is_refused_by_name(
    sandbox: RunningSandbox, tmp_path: Path, name: str
) -> None:
    written, message = UNUSABLE[name]
    (tmp_path / "mine.json").write_text(written)
    async with opened_provider("comfyui", settings_for(sandbox, workflows=tmp_path)) as (provider, _):
        assert isinstance(provider, ModelSource)
        with pytest.raises(BadInput, match=message):
            await provider.describe("mine")
        with pytest.raises(BadInput, match="mine, text_to_image"):
            await provider.describe("others")
        with pytest.raises(BadInput, match="by letters"):
            await provider.describe("../secrets")


async def test_its_place_in_line_is_told(upscaling: Scene) -> None:
    upscaling.sandbox.misbehave("never_starts", times=2)
    ahead, ref = await upscaling.started(), await upscaling.started(scale_by=1.5)

    assert (await upscaling.provider.query(ahead)).queue_position == 1
    assert (await upscaling.provider.query(ref)).queue_position == 2


async def test_what_runs_is_interrupted_and_nothing_else(upscaling: Scene) -> None:
    upscaling.sandbox.misbehave("never_finishes", times=2)
    ref, other = await upscaling.started(), await upscaling.started(scale_by=1.5)
    for one in (ref, other):
        while (await upscaling.provider.query(one)).status is not JobStatus.PROCESSING:
            await asyncio.sleep(POLL)

    first = await upscaling.provider.cancel(ref)
    last = (await upscaling.watched(ref))[-1]
    second = await upscaling.provider.cancel(ref)

    assert (first, last.status, second) == (CancelOutcome.REQUESTED, JobStatus.CANCELED, CancelOutcome.CANCELED)
    assert (await upscaling.provider.query(other)).status is JobStatus.PROCESSING


async def test_a_cancel_after_the_end_is_too_late(upscaling: Scene) -> None:
    ref, _ = await upscaling.finished()

    assert await upscaling.provider.cancel(ref) is CancelOutcome.TOO_LATE


async def test_what_a_restart_has_wiped_out_is_lost_after_a_while(upscaling: Scene) -> None:
    upscaling.sandbox.misbehave("never_finishes")
    ref = await upscaling.started()
    await upscaling.sandbox.context.services["comfyui"].reset()

    soon = await upscaling.provider.query(ref)
    async with opened(settings_for(upscaling.sandbox, lost_after=timedelta(0)), timeouts=TIMEOUTS) as impatient:
        last = await impatient.query(ref)

    assert (soon.final, soon.definite) == (False, False)
    assert (last.final, last.status, last.raw_status) == (True, JobStatus.FAILED, "lost")
    assert last.error is not None
    assert "restarted" in last.error.message


async def test_a_server_that_chooses_ids_of_its_own_is_understood(vendor_that: At, server: Any, upscale: Model) -> None:
    theirs = "11111111-2222-4333-8444-555555555555"
    history = {theirs: {"prompt": [1.0, theirs, {}, {"client_id": "sub_1"}, []], "outputs": {}}}
    accepted = server.answers(200, {"prompt_id": theirs, "number": 1, "node_errors": {}})
    nothing = (server.answers(200, {}), server.answers(200, EMPTY), server.answers(200, {}))
    vendor = await vendor_that(accepted, *nothing, server.answers(200, history))
    settings = ComfyUISettings.model_validate({"token": "none", "base_url": vendor.url})
    async with opened(settings, timeouts=TIMEOUTS) as provider:
        task = task_of(upscale.model_copy(update={"model": "text_to_image"}), {"prompt": "a cat"})
        submission = stored(task, provider.build_request(task))

        outcome = await provider.submit(submission.request)
        found = await provider.reconcile(aged(submission, timedelta(minutes=5)), known_ids=frozenset())

    assert outcome == Accepted({"id": theirs})
    assert found == Found({"id": theirs})


async def test_a_prompt_that_moves_from_the_queue_to_the_history_is_not_missed(vendor_that: At, server: Any) -> None:
    ended = {"p1": {"prompt": [], "outputs": {}, "status": {"status_str": "success"}}}
    vendor = await vendor_that(server.answers(200, {}), server.answers(200, EMPTY), server.answers(200, ended))
    settings = ComfyUISettings.model_validate({"token": "none", "base_url": vendor.url})
    async with opened(settings, timeouts=TIMEOUTS) as provider:
        assert (await provider.query({"id": "p1"})).status is JobStatus.GENERATED


def test_a_word_that_nobody_knows_is_no_end() -> None:
    snapshot = ended_snapshot({"outputs": {}, "status": {"status_str": "hibernating", "messages": []}})

    assert (snapshot.final, snapshot.status) == (False, JobStatus.PROCESSING)


@pytest.mark.parametrize("queue", [None, {}, {"queue_running": []}, {**EMPTY, "queue_pending": [["x", "p1"]]}])
def test_what_is_no_queue_proves_nothing(queue: Any) -> None:
    with pytest.raises(ProviderUnavailable):
        waiting_in(queue, "p1")


@pytest.mark.parametrize("history", [None, {"other": {}}, {"p1": {}}, {"p1": []}])
def test_what_is_no_history_proves_nothing(history: Any) -> None:
    with pytest.raises(ProviderUnavailable):
        entry_in(history, "p1")


async def test_what_was_never_sent_is_absent_after_four_minutes(upscaling: Scene) -> None:
    submission = upscaling.submission()

    early = await upscaling.provider.reconcile(aged(submission, timedelta(minutes=3)), known_ids=frozenset())
    late = await upscaling.provider.reconcile(aged(submission, timedelta(minutes=5)), known_ids=frozenset())

    assert (early, late) == (Search.NOT_YET, Search.ABSENT)
