"""Dependencies of fal's routes: the queue, a call with its faults, and a valid key."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.responses import JSONResponse, Response

from sandbox.call import Refusal, VendorCall
from sandbox.context import context_of, vendor_call
from sandbox.faults.catalogue import Operation
from sandbox.tasks.engine import TaskEngine
from sandbox.vendors.fal.queued import queue_of

MESSAGES: Final = {
    401: "Cannot access application. Authentication is required to access this application.",
    402: "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.",
    404: "Not Found",
    429: "Too many requests",
}


def error_response(status: int, headers: Mapping[str, str]) -> Response:
    """An account without credit is 403."""
    sent = 403 if status == 402 else status
    return JSONResponse({"detail": MESSAGES.get(status, "Something went wrong.")}, sent, headers)


async def account_of(request: Request) -> str:
    """The account of `Authorization: Key id:secret`. Raises Refusal (401)."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    accepted = context_of(request).config.tokens
    if scheme != "Key" or not key or (accepted and key.rpartition(":")[2] not in accepted):
        raise Refusal(error_response(401, {}))
    return hashlib.sha256(key.encode()).hexdigest()[:16]


Account = Annotated[str, Depends(account_of)]
Queue = Annotated[TaskEngine, Depends(queue_of)]
CreateCall = Annotated[VendorCall, Depends(vendor_call(Operation.CREATE, error_response))]
GetCall = Annotated[VendorCall, Depends(vendor_call(Operation.GET, error_response))]
ListCall = Annotated[VendorCall, Depends(vendor_call(Operation.LIST, error_response))]
CancelCall = Annotated[VendorCall, Depends(vendor_call(Operation.CANCEL, error_response))]
FilesCall = Annotated[VendorCall, Depends(vendor_call(Operation.FILES, error_response))]
OtherCall = Annotated[VendorCall, Depends(vendor_call(Operation.OTHER, error_response))]
