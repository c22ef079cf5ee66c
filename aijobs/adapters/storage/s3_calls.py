"""boto3 from asyncio: its blocking calls run in a thread pool, and its errors become ours."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from aijobs.domain.errors import NotFound, StoreUnavailable
from aijobs.domain.values.shielded import shielded

T = TypeVar("T")

#: Operations and the codes by which they say that what they are about is not there.
ABSENT: Final = frozenset({("GetObject", "NoSuchKey"), ("GetObject", "404"), ("AbortMultipartUpload", "NoSuchUpload")})

#: error codes of servers that do not support our checksums, as seen on several
CHECKSUM_ERRORS: Final = frozenset(
    {
        "BadDigest",
        "InvalidArgument",
        "InvalidDigest",
        "InvalidPart",
        "InvalidRequest",
        "MissingContentLength",
        "NotImplemented",
        "XAmzContentChecksumMismatch",
        "XAmzContentSHA256Mismatch",
    }
)
HINT: Final = " If this server knows no such checksums, set them to when_required: AIJOBS_STORE__CHECKSUMS."


class S3Calls:
    """One bounded pool of threads for all calls of one client."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool

    def start(self, operation: Callable[..., T], **arguments: Any) -> "asyncio.Future[T]":
        """Start the call. Await it behind a shield: the thread cannot be stopped."""
        return asyncio.get_running_loop().run_in_executor(self._pool, lambda: translated(operation, **arguments))

    async def run(self, operation: Callable[..., T], **arguments: Any) -> T:
        """Raises NotFound and StoreUnavailable. A cancellation waits for the call; boto3's timeouts bound it."""
        return await shielded(self.start(operation, **arguments))


def translated(operation: Callable[..., T], **arguments: Any) -> T:
    try:
        return operation(**arguments)
    except ClientError as refused:
        raise _error_for(refused) from refused
    except BotoCoreError as failed:
        raise StoreUnavailable(f"The object store cannot be reached: {failed}") from failed


def _error_for(refused: ClientError) -> NotFound | StoreUnavailable:
    error = refused.response.get("Error", {})
    code, message = error.get("Code", "?"), error.get("Message", "")
    if (refused.operation_name, code) in ABSENT:
        return NotFound("Nothing is stored under this key.")
    hint = HINT if code in CHECKSUM_ERRORS else ""
    return StoreUnavailable(f"The object store refused {refused.operation_name}: {code}: {message}{hint}")
