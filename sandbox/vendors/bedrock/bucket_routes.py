"""The bucket that Bedrock writes into, by so much of S3's API as is needed to read from it: list, get, head."""

from collections.abc import Iterator, Mapping
from typing import Annotated
from xml.sax.saxutils import escape

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from sandbox.call import Refusal, VendorCall
from sandbox.context import vendor_call
from sandbox.faults.catalogue import Operation
from sandbox.output_host import blob_name, delivered
from sandbox.tasks.engine import TaskEngine
from sandbox.tasks.task import SimulatedTask
from sandbox.vendors.bedrock.invocations import objects_of, tasks_of
from sandbox.vendors.bedrock.signatures import BadSignature, access_key_of

NAMES = {401: "SignatureDoesNotMatch", 403: "AccessDenied", 404: "NoSuchKey", 429: "SlowDown", 503: "SlowDown"}


def error_response(status: int, headers: Mapping[str, str], name: str | None = None) -> Response:
    code = name or NAMES.get(status, "InternalError")
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{code}</Message></Error>'
    return Response(body, 403 if status == 401 else status, headers, "application/xml")


async def account_of(request: Request) -> str:
    """The access key of a signed request or link. Raises Refusal (403)."""
    try:
        return await access_key_of(request, "s3")
    except BadSignature as refused:
        raise Refusal(error_response(401, {}, str(refused))) from None


router = APIRouter(prefix="/s3")
Account = Annotated[str, Depends(account_of)]
Tasks = Annotated[TaskEngine, Depends(tasks_of)]
OtherCall = Annotated[VendorCall, Depends(vendor_call(Operation.OTHER, error_response))]
DeliveryCall = Annotated[VendorCall, Depends(vendor_call(Operation.DELIVERY, error_response))]


@router.get("/{bucket}")
async def list_objects(request: Request, account: Account, call: OtherCall, tasks: Tasks, bucket: str) -> Response:
    """`ListObjectsV2`, in one page."""
    await call.raise_if_refused()
    prefix = request.query_params.get("prefix", "")
    sizes = {
        key: tasks.context.blobs.path(blob_name(task.id, name)).stat().st_size
        for key, task, name in _objects_in(bucket, account, tasks)
        if key.startswith(prefix)
    }
    contents = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>{size}</Size></Contents>" for key, size in sorted(sizes.items())
    )
    head = f"<Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(sizes)}</KeyCount>"
    body = f"{head}<IsTruncated>false</IsTruncated>{contents}"
    listing = f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{body}</ListBucketResult>'
    return await call.send(Response(listing, media_type="application/xml"))


@router.api_route("/{bucket}/{key:path}", methods=["GET", "HEAD"])
async def get_object(account: Account, call: DeliveryCall, tasks: Tasks, bucket: str, key: str) -> Response:
    mine = ((task, name) for there, task, name in _objects_in(bucket, account, tasks) if there == key)
    found = next(mine, None)
    if found is None:
        return error_response(404, {})
    task, name = found
    return await delivered(tasks.context, call, task.id, name)


def _objects_in(bucket: str, account: str, tasks: TaskEngine) -> Iterator[tuple[str, SimulatedTask, str]]:
    """The key of each object, the task that has written it, and its name there."""
    start = f"s3://{bucket}/"
    for task in tasks:
        if task.account == account:
            for uri, name in objects_of(task, tasks.faults_of(task)):
                if uri.startswith(start):
                    yield uri.removeprefix(start), task, name
