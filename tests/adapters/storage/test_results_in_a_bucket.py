"""Results that a vendor has written into a bucket are listed and read at a real object store, with its own keys."""

import pytest

from aijobs.domain.errors import ProviderUnavailable
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Snapshot
from aijobs.providers.bedrock import BedrockSettings, opened
from tests.adapters.storage.swift_server import SwiftServer
from tests.patience import http_client

FILM = b"a film of so many bytes"
PLACE = "vendor/films of mine/token-1"


def settings_for(swift: SwiftServer, secret: str) -> BedrockSettings:
    return BedrockSettings.model_validate(
        {
            "access_key": swift.access_key,
            "token": secret,
            "output_url": f"s3://{swift.bucket}/vendor",
            "s3_endpoint": swift.endpoint,
            "region": swift.region,
        }
    )


def finished(swift: SwiftServer) -> Snapshot:
    place = {"s3OutputDataConfig": {"s3Uri": f"s3://{swift.bucket}/vendor/token-1"}}
    return Snapshot(status=JobStatus.GENERATED, raw_status="Completed", final=True, raw={"outputDataConfig": place})


@pytest.fixture
def written(swift: SwiftServer) -> SwiftServer:
    with swift.client() as client:
        for name in ("manifest.json", "output.mp4", "shot_0001.mp4"):
            client.put_object(Bucket=swift.bucket, Key=f"vendor/token-1/ck9w nf+2/{name}", Body=FILM)
        client.put_object(Bucket=swift.bucket, Key="vendor/token-10/other/output.mp4", Body=b"another's")
    return swift


async def test_they_are_found_below_their_place_and_read_by_a_link(written: SwiftServer) -> None:
    async with opened(settings_for(written, written.secret_key)) as bedrock, http_client() as http:
        (source,) = await bedrock.outputs({"id": "arn"}, finished(written))
        answer = await http.get(source.url or "")

    assert (answer.status_code, answer.content) == (200, FILM)
    assert (source.kind, source.headers) == (OutputKind.VIDEO, {})
    assert written.secret_key not in (source.url or "").partition("?")[2].replace(written.access_key, "")


async def test_a_wrong_key_is_said_to_be_refused(written: SwiftServer) -> None:
    async with opened(settings_for(written, "another-secret")) as bedrock:
        with pytest.raises(ProviderUnavailable, match="S3 answered 403"):
            await bedrock.outputs({"id": "arn"}, finished(written))
