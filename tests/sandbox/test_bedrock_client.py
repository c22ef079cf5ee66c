"""The official client, boto3, works against the sandbox unchanged: Bedrock's invocations, and S3 for their results."""

import asyncio
import io
from datetime import UTC, datetime
from typing import Any

import av
import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.server import RunningSandbox

INPUT = {"prompt": "a lighthouse at dusk", "aspect_ratio": "1:1", "resolution": "540p"}
PLACE = {"s3OutputDataConfig": {"s3Uri": "s3://films/mine"}}


def client(service: str, sandbox: RunningSandbox, *, secret: str = "sandbox", region: str = "us-east-1") -> Any:
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=f"{sandbox.url}/s3" if service == "s3" else sandbox.url,
        region_name=region,
        aws_access_key_id="sandbox",
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 3, "mode": "standard"}, s3={"addressing_style": "path"}),
    )


@pytest.fixture
def bedrock(sandbox: RunningSandbox) -> Any:
    return client("bedrock-runtime", sandbox)


async def start(bedrock: Any, **more: Any) -> str:
    request = {"modelId": "luma.ray-v2:0", "modelInput": INPUT, "outputDataConfig": PLACE, **more}
    answer = await asyncio.to_thread(bedrock.start_async_invoke, **request)
    return str(answer["invocationArn"])


async def ended(bedrock: Any, arn: str) -> dict[str, Any]:
    while (invocation := await asyncio.to_thread(bedrock.get_async_invoke, invocationArn=arn))[
        "status"
    ] == "InProgress":
        await asyncio.sleep(0.05)
    return dict(invocation)


async def test_a_video_is_made_into_the_bucket(bedrock: Any, sandbox: RunningSandbox) -> None:
    arn = await start(bedrock, clientRequestToken="token-1", tags=[{"key": "for", "value": "a test"}])
    invocation = await ended(bedrock, arn)
    s3 = client("s3", sandbox)
    listed = await asyncio.to_thread(s3.list_objects_v2, Bucket="films", Prefix="mine/")
    film = f"mine/{arn.rpartition('/')[2]}/output.mp4"
    answer = await asyncio.to_thread(s3.get_object, Bucket="films", Key=film)
    content = await asyncio.to_thread(answer["Body"].read)

    assert (invocation["status"], invocation["clientRequestToken"]) == ("Completed", "token-1")
    assert film in [one["Key"] for one in listed["Contents"]]
    with av.open(io.BytesIO(content), "r") as container:
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(5, abs=0.2)


async def test_what_the_client_sends_again_is_made_and_paid_once(bedrock: Any, sandbox: RunningSandbox) -> None:
    sandbox.misbehave("accept_then_drop", on="create", times=2)

    arn = await start(bedrock)

    assert [row.correlation is not None for row in sandbox.ledger()] == [True]
    assert (await ended(bedrock, arn))["status"] == "Completed"


async def test_a_token_belongs_to_one_request(bedrock: Any) -> None:
    first = await start(bedrock, clientRequestToken="token-1")

    assert await start(bedrock, clientRequestToken="token-1") == first
    with pytest.raises(ClientError, match="ConflictException"):
        await start(bedrock, clientRequestToken="token-1", modelInput={**INPUT, "loop": True})


async def test_all_invocations_are_listed_page_by_page(bedrock: Any) -> None:
    started = [await start(bedrock, clientRequestToken=f"token-{number}") for number in range(3)]

    def arns() -> list[str]:
        pages = bedrock.get_paginator("list_async_invokes").paginate(PaginationConfig={"PageSize": 2})
        return [one["invocationArn"] for page in pages for one in page["asyncInvokeSummaries"]]

    assert await asyncio.to_thread(arns) == started[::-1]


async def test_refusals_have_names(bedrock: Any, sandbox: RunningSandbox) -> None:
    with pytest.raises(ClientError, match=r"ValidationException.*duration"):
        await start(bedrock, modelInput={**INPUT, "duration": "99s"})
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        await start(bedrock, modelId="nobody.s-model")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        await start(client("bedrock-runtime", sandbox, secret="another"))
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        await start(client("bedrock-runtime", sandbox, region="eu-west-1"))
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        await asyncio.to_thread(client("s3", sandbox, secret="another").list_objects_v2, Bucket="films")
    assert sandbox.ledger() == []


@pytest.mark.parametrize(
    ("scope", "signed_at", "name"),
    [
        ("sandbox", "20261101T000000Z", "RequestTimeTooSkewed"),
        ("sandbox/20261101", "today", "IncompleteSignature"),
        ("sandbox", "now", "SignatureDoesNotMatch"),
    ],
)
async def test_a_proof_that_is_none_is_refused(sandbox: RunningSandbox, scope: str, signed_at: str, name: str) -> None:
    when = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}" if signed_at == "now" else signed_at
    proof = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00"
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as http:
        answer = await http.get("/async-invoke", headers={"authorization": proof, "x-amz-date": when})

    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (403, name)
