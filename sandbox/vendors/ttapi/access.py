"""What every route of TTAPI needs first: the service, a call that faults may strike, and a valid key."""

import hashlib
from typing import Annotated

from fastapi import Depends, Request

from sandbox.call import VendorCall
from sandbox.context import calling, context_of
from sandbox.faults.catalogue import Operation
from sandbox.vendors.ttapi.envelopes import complain, refusal
from sandbox.vendors.ttapi.worker import MidjourneyService, midjourney_of


async def account_of(request: Request) -> str:
    """Who the header `TT-API-KEY` stands for; raises Refusal (401)."""
    key = request.headers.get("tt-api-key", "").strip()
    accepted = context_of(request).config.tokens
    if not key or (accepted and key not in accepted):
        raise refusal(401)
    return hashlib.sha256(key.encode()).hexdigest()[:16]


ServiceDep = Annotated[MidjourneyService, Depends(midjourney_of)]
Account = Annotated[str, Depends(account_of)]
Submitting = Annotated[VendorCall, Depends(calling(Operation.CREATE, complain))]
Fetching = Annotated[VendorCall, Depends(calling(Operation.GET, complain))]
Listing = Annotated[VendorCall, Depends(calling(Operation.LIST, complain))]
Calling = Annotated[VendorCall, Depends(calling(Operation.OTHER, complain))]
