"""What every route of Replicate needs first: the service, a call that faults may strike, and a valid token."""

from typing import Annotated

from fastapi import Depends, Request

from sandbox.call import Refusal, VendorCall
from sandbox.context import calling, context_of
from sandbox.faults.catalogue import Operation
from sandbox.vendors.replicate.errors import complain, problem
from sandbox.vendors.replicate.service import ReplicateService, service_of


def check_token(request: Request) -> None:
    """`Authorization: Bearer …` or the older `Token …`; raises Refusal (401)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    accepted = context_of(request).config.tokens
    if scheme not in ("Bearer", "Token") or not token.strip() or (accepted and token.strip() not in accepted):
        raise Refusal(problem(401))


ServiceDep = Annotated[ReplicateService, Depends(service_of)]
Creating = Annotated[VendorCall, Depends(calling(Operation.CREATE, complain))]
Getting = Annotated[VendorCall, Depends(calling(Operation.GET, complain))]
Listing = Annotated[VendorCall, Depends(calling(Operation.LIST, complain))]
Canceling = Annotated[VendorCall, Depends(calling(Operation.CANCEL, complain))]
Filing = Annotated[VendorCall, Depends(calling(Operation.FILES, complain))]
Calling = Annotated[VendorCall, Depends(calling(Operation.OTHER, complain))]
Authenticated = Depends(check_token)
