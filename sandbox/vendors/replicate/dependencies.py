"""Dependencies of Replicate's routes: the service, a call with its faults, and a valid token."""

from typing import Annotated

from fastapi import Depends, Request

from sandbox.call import Refusal, VendorCall
from sandbox.context import context_of, vendor_call
from sandbox.faults.catalogue import Operation
from sandbox.vendors.replicate.errors import error_response, problem
from sandbox.vendors.replicate.service import ReplicateService, service_of


def check_token(request: Request) -> None:
    """`Authorization: Bearer …` or the older `Token …`; raises Refusal (401)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    accepted = context_of(request).config.tokens
    if scheme not in ("Bearer", "Token") or not token.strip() or (accepted and token.strip() not in accepted):
        raise Refusal(problem(401))


ServiceDep = Annotated[ReplicateService, Depends(service_of)]
CreateCall = Annotated[VendorCall, Depends(vendor_call(Operation.CREATE, error_response))]
GetCall = Annotated[VendorCall, Depends(vendor_call(Operation.GET, error_response))]
ListCall = Annotated[VendorCall, Depends(vendor_call(Operation.LIST, error_response))]
CancelCall = Annotated[VendorCall, Depends(vendor_call(Operation.CANCEL, error_response))]
FileCall = Annotated[VendorCall, Depends(vendor_call(Operation.FILES, error_response))]
OtherCall = Annotated[VendorCall, Depends(vendor_call(Operation.OTHER, error_response))]
Authenticated = Depends(check_token)
