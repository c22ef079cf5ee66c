"""One invocation, as AWS's documents show it, and the list of what it has left in the bucket."""

import json
from typing import Any, Final

from aijobs.providers.package import Specimen

ARN: Final = "arn:aws:bedrock:us-east-1:111122223333:async-invoke/ck9wnf2arlqf"
PLACE: Final = "s3://films/aijobs/token-1"
_S3: Final = "http://s3.amazonaws.com/doc/2006-03-01/"


def _invocation(status: str, **fields: Any) -> str:
    return json.dumps(
        {
            "invocationArn": ARN,
            "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/luma.ray-v2:0",
            "clientRequestToken": "token-1",
            "status": status,
            "submitTime": "2026-11-20T09:00:00Z",
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": PLACE}},
            **fields,
        }
    )


def _listing(*names: str) -> str:
    contents = "".join(f"<Contents><Key>aijobs/token-1/ck9wnf2arlqf/{name}</Key></Contents>" for name in names)
    return f'<ListBucketResult xmlns="{_S3}"><Name>films</Name>{contents}</ListBucketResult>'


SPECIMEN: Final = Specimen(
    model="luma.ray-v2:0",
    params={"prompt": "a lighthouse at dusk"},
    job_id=ARN,
    submitted=json.dumps({"invocationArn": ARN}),
    running=_invocation("InProgress"),
    word="InProgress",
    finished=_invocation("Completed", endTime="2026-11-20T09:02:00Z"),
    failed=_invocation("Failed", failureMessage="The generated video has been blocked by our content filters."),
    results=_listing("manifest.json", "output.mp4", "video-generation-status.json"),
    emptied=_listing("manifest.json"),
    shapes=(({"": _invocation("Completed"), "/films": _listing("shot_0001.mp4", "shot_0002.mp4")}, 2),),
    listed=json.dumps({"asyncInvokeSummaries": [json.loads(_invocation("InProgress", clientRequestToken="$TOKEN"))]}),
)
