"""Every format of a model's output."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from aijobs.domain.errors import ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.outputs import OutputKind, OutputSource
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Snapshot

At = Callable[..., Awaitable[Any]]
Recorded = Callable[[str], dict[str, Any]]

REF = {"id": "p1"}
PNG = "https://replicate.delivery/xezq/a/out.png"
MP4 = "https://pbxt.replicate.delivery/b/out.mp4"


def generated(output: Any) -> Snapshot:
    raw = {"id": "p1", "status": "succeeded", "output": output}
    return Snapshot(status=JobStatus.GENERATED, raw_status="succeeded", final=True, raw=raw)


async def links_of(replicate: Provider, output: Any) -> list[str | None]:
    return [source.url for source in await replicate.outputs(REF, generated(output))]


@pytest.mark.parametrize(
    ("output", "links"),
    [
        (PNG, [PNG]),
        ([PNG, MP4], [PNG, MP4]),
        ({"url": PNG}, [PNG]),
        ({"image": {"url": PNG, "content_type": "image/png"}, "seed": 7, "video": {"url": MP4}}, [PNG, MP4]),
        ([{"url": PNG, "caption": "a lighthouse"}, None, 5, {"urls": [MP4]}], [PNG, MP4]),
    ],
)
async def test_links_are_found_wherever_they_are(replicate: Provider, output: Any, links: list[str]) -> None:
    assert await links_of(replicate, output) == links


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("out.png", OutputKind.IMAGE),
        ("out.jpg?x=1", OutputKind.IMAGE),
        ("out", OutputKind.IMAGE),
        ("out.mp4", OutputKind.VIDEO),
        ("out.mp3", OutputKind.AUDIO),
        ("out.json", OutputKind.JSON),
        ("out.pdf", OutputKind.DOCUMENT),
        ("out.txt", OutputKind.TEXT),
        ("out.zip", OutputKind.OTHER),
        ("out.mp4?page=[1]#x.png", OutputKind.VIDEO),
    ],
)
async def test_the_extension_tells_the_kind(replicate: Provider, name: str, kind: OutputKind) -> None:
    (source,) = await replicate.outputs(REF, generated(f"https://replicate.delivery/a/{name}"))

    assert source.kind is kind


@pytest.mark.parametrize(
    ("output", "kind", "content"),
    [
        ("hello Alice", OutputKind.TEXT, "hello Alice"),
        ("https://example.com is a fine page", OutputKind.TEXT, "https://example.com is a fine page"),
        ("https://[an-address]/of-nothing", OutputKind.TEXT, "https://[an-address]/of-nothing"),
        (["\n\n", "Here is", " https://", "…"], OutputKind.TEXT, "\n\nHere is https://…"),
        ({"label": "猫", "score": 0.9}, OutputKind.JSON, '{"label": "猫", "score": 0.9}'),
        ([{"label": "cat"}, 1], OutputKind.JSON, '[{"label": "cat"}, 1]'),
        (0, OutputKind.JSON, "0"),
        (False, OutputKind.JSON, "false"),
        ("data:image/png;base64,iVBORw0KGgo=", OutputKind.IMAGE, b"\x89PNG\r\n\x1a\n"),
        ("data:application/json,%7B%7D", OutputKind.JSON, "{}"),
        ("data:,a%20b", OutputKind.TEXT, "a b"),
        ({"audio": "data:audio/wav;base64,UklGRg=="}, OutputKind.AUDIO, "RIFF"),
    ],
)
async def test_results_without_a_link_are_content(
    replicate: Provider, output: Any, kind: OutputKind, content: str | bytes
) -> None:
    expected = content if isinstance(content, bytes) else content.encode()

    assert await replicate.outputs(REF, generated(output)) == [OutputSource(kind=kind, content=expected)]


async def test_an_unreadable_data_link_is_a_failure(replicate: Provider) -> None:
    with pytest.raises(ProviderFailed):
        await replicate.outputs(REF, generated("data:image/png;base64,AAA"))


@pytest.mark.parametrize("output", ["", [], {}, [""]])
async def test_there_may_be_no_results(replicate: Provider, output: Any) -> None:
    assert await replicate.outputs(REF, generated(output)) == []


async def test_links_last_an_hour_from_the_end(replicate: Provider, recorded: Recorded) -> None:
    snapshot = Snapshot(status=JobStatus.GENERATED, raw_status="succeeded", final=True, raw=recorded("succeeded"))

    (source,) = await replicate.outputs(REF, snapshot)

    assert source.expires_at == datetime(2023, 8, 16, 19, 57, 12, 170420, tzinfo=UTC)


async def test_the_key_goes_with_downloads_from_replicate_and_with_no_other(replicate: Provider) -> None:
    ours = [PNG, MP4, "https://api.replicate.com/v1/files/f1/download"]
    foreign = [
        "https://evil.example/out.png",
        "http://replicate.delivery/out.png",
        "https://replicate.delivery.evil.example/out.png",
        "https://replicate.delivery@evil.example/out.png",
        "https://replicate.delivery:443@evil.example/out.png",
        "https://evil.example/https://replicate.delivery/out.png",
        "https://notreplicate.delivery/out.png",
        "https://api.replicate.com.evil.example/v1/out.png",
    ]

    sources = await replicate.outputs(REF, generated([*ours, *foreign]))

    assert [bool(source.headers) for source in sources] == [True] * len(ours) + [False] * len(foreign)


async def test_a_snapshot_without_its_output_is_asked_for_again(replicate_at: At, vendor_that: At, server: Any) -> None:
    vendor = await vendor_that(server.answers(200, {"id": "p1", "status": "succeeded", "output": PNG}))
    replicate = await replicate_at(vendor.url)

    sources = await replicate.outputs(REF, Snapshot(status=JobStatus.GENERATED, raw_status="", final=True))

    assert [source.url for source in sources] == [PNG]


@pytest.mark.parametrize(
    "fields", [{"output": None, "data_removed": True}, {"output": None}, {}, {"data_removed": True}]
)
async def test_erased_results_are_gone_for_good(
    replicate_at: At, vendor_that: At, server: Any, fields: dict[str, Any]
) -> None:
    vendor = await vendor_that(server.answers(200, {"id": "p1", "status": "succeeded", **fields}))
    replicate = await replicate_at(vendor.url)

    with pytest.raises(ProviderFailed, match="erased"):
        await replicate.outputs(REF, generated(None))


async def test_results_that_cannot_be_asked_for_now_are_not_gone(
    replicate_at: At, vendor_that: At, server: Any
) -> None:
    vendor = await vendor_that(server.answers(404, {"detail": "Not found"}))
    replicate = await replicate_at(vendor.url)

    with pytest.raises(ProviderUnavailable):
        await replicate.outputs(REF, generated(None))
