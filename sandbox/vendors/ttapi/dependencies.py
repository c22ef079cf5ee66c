"""Dependencies of TTAPI's routes: the service, a call with its faults, and a valid key."""

import hashlib
from typing import Annotated

from fastapi import Depends, Request

from sandbox.call import VendorCall
from sandbox.context import context_of, vendor_call
from sandbox.faults.catalogue import Operation
from sandbox.vendors.ttapi.envelopes import error_response, refusal
from sandbox.vendors.ttapi.worker import MidjourneyService, midjourney_of


async def account_of(request: Request) -> str:
    """The account of the header `TT-API-KEY`. Raises Refusal (401)."""
    key = request.headers.get("tt-api-key", "").strip()
    accepted = context_of(request).config.tokens
    if not key or (accepted and key not in accepted):
        raise refusal(401)
    return hashlib.sha256(key.encode()).hexdigest()[:16]


ServiceDep = Annotated[MidjourneyService, Depends(midjourney_of)]
Account = Annotated[str, Depends(account_of)]
CreateCall = Annotated[VendorCall, Depends(vendor_call(Operation.CREATE, error_response))]
GetCall = Annotated[VendorCall, Depends(vendor_call(Operation.GET, error_response))]
ListCall = Annotated[VendorCall, Depends(vendor_call(Operation.LIST, error_response))]
OtherCall = Annotated[VendorCall, Depends(vendor_call(Operation.OTHER, error_response))]
