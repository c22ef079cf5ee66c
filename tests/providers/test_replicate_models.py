"""Any model on Replicate: described by its API, run by its name or by the version that was pinned."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aijobs.domain.catalogue import Catalogue, Model
from aijobs.domain.errors import BadInput, ProviderUnavailable
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.ports.providers import ModelSource
from aijobs.domain.provider_io import ModelDescription
from sandbox.server import RunningSandbox
from sandbox.vendors.replicate.models import HELLO_WORLD, IMAGE_UPSCALE
from tests.providers.parts import PARTS
from tests.providers.scene import Scene, opened_scene

At = Callable[..., Awaitable[Any]]


@pytest.fixture
def source(replicate_scene: Scene) -> ModelSource:
    assert isinstance(replicate_scene.provider, ModelSource)
    return replicate_scene.provider


def added(model: Model, description: ModelDescription) -> Model:
    """A model as it is in the catalogue once it was added."""
    return model.model_copy(update={"model": description.model, "input_schema": dict(description.input_schema)})


async def test_an_official_model_has_no_version_of_its_own(source: ModelSource) -> None:
    described = await source.describe("black-forest-labs/flux-schnell")

    assert (described.model, described.model_version) == ("black-forest-labs/flux-schnell", "official")
    assert described.output_kind is OutputKind.IMAGE
    assert "fastest" in described.description


@pytest.mark.parametrize("version", ["", f":{HELLO_WORLD.version}"])
async def test_any_other_is_pinned_to_its_version(source: ModelSource, version: str) -> None:
    described = await source.describe(f"replicate/hello-world{version}")

    assert described.model == f"replicate/hello-world:{HELLO_WORLD.version}"
    assert described.output_kind is OutputKind.TEXT


@pytest.mark.parametrize("name", ["nobody/nothing", f"replicate/hello-world:{IMAGE_UPSCALE.version}"])
async def test_a_model_that_is_not_there_is_named(source: ModelSource, name: str) -> None:
    with pytest.raises(BadInput, match=name.partition(":")[0]):
        await source.describe(name)


@pytest.mark.parametrize(
    "name", ["flux", "a/b/c", "a/b:1", "../x", "a/b?c=d", "a b/c", "https://replicate.com/a/b", f"a/b:{'g' * 64}"]
)
async def test_a_name_in_another_form_is_refused_before_anybody_is_asked(source: ModelSource, name: str) -> None:
    with pytest.raises(BadInput, match="owner/name"):
        await source.describe(name)


async def test_during_an_outage_nothing_is_said_about_the_model(replicate_scene: Scene, source: ModelSource) -> None:
    replicate_scene.sandbox.misbehave("outage")

    with pytest.raises(ProviderUnavailable):
        await source.describe("replicate/hello-world")


@pytest.mark.parametrize(
    "document",
    [
        {"owner": "a", "name": "b", "latest_version": None},
        {"owner": "a", "name": "b", "latest_version": {"id": "1" * 64, "openapi_schema": None}},
        {"owner": "a", "name": "b", "latest_version": {"id": "1" * 64, "openapi_schema": {"components": {}}}},
    ],
)
async def test_a_model_without_a_schema_cannot_be_used(
    vendor_that: At, server: Any, replicate_at: At, document: dict[str, Any]
) -> None:
    vendor = await vendor_that(server.answers(200, document))

    with pytest.raises(BadInput, match="no schema"):
        await (await replicate_at(vendor.url)).describe("a/b")


@pytest.mark.parametrize("document", [{}, {"owner": "a"}, {"owner": 1, "name": None}])
async def test_what_is_no_model_is_asked_for_again(
    vendor_that: At, server: Any, replicate_at: At, document: dict[str, Any]
) -> None:
    vendor = await vendor_that(server.answers(200, document))

    with pytest.raises(ProviderUnavailable, match="cannot be read"):
        await (await replicate_at(vendor.url)).describe("a/b")


async def test_several_pictures_come_from_a_model_that_was_added(
    source: ModelSource, sandbox: RunningSandbox, catalogue: Catalogue
) -> None:
    shipped = catalogue.model(PARTS["replicate"].model_id)
    model = added(shipped, await source.describe("black-forest-labs/flux-schnell"))
    async with opened_scene("replicate", sandbox, model) as scene:
        parameters = scene.provider.parameters(model)
        params = parameters.model_validate({"prompt": "a lighthouse", "num_outputs": 3}).model_dump(mode="json")
        submission = scene.submission(**dict.fromkeys(scene.part.params), **params)
        outcome = await scene.submit(submission)
        sources = await scene.provider.outputs(outcome.ref, (await scene.watched(outcome.ref))[-1])  # type: ignore[union-attr]

    assert submission.request.url.endswith("/v1/models/black-forest-labs/flux-schnell/predictions")
    assert submission.request.body["input"]["output_format"] == "webp"
    assert [one.kind for one in sources] == [OutputKind.IMAGE] * 3


async def test_a_pinned_version_is_named_in_the_request(
    source: ModelSource, sandbox: RunningSandbox, catalogue: Catalogue
) -> None:
    shipped = catalogue.model(PARTS["replicate"].model_id)
    model = added(shipped, await source.describe("replicate/hello-world"))
    async with opened_scene("replicate", sandbox, model) as scene:
        submission = scene.submission(**dict.fromkeys(scene.part.params), text="Alice")
        outcome = await scene.submit(submission)
        (text,) = await scene.provider.outputs(outcome.ref, (await scene.watched(outcome.ref))[-1])  # type: ignore[union-attr]

    assert submission.request.url.endswith("/v1/predictions")
    assert submission.request.body["version"] == HELLO_WORLD.version
    assert text.content == b"hello Alice"
