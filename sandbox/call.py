"""One HTTP call to a vendor, and the faults that apply to it: before it is accepted, or in its response."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.responses import HTMLResponse, JSONResponse, Response

from sandbox.clock import NANOSECONDS, ClosingEvent, now_ns
from sandbox.faults.broken_responses import Drop
from sandbox.faults.catalogue import Fault, Operation
from sandbox.faults.fault_board import ArmedFault, Faults, UnknownFaultError

#: Builds an error in the vendor's own format: (HTTP status, headers) -> response.
ErrorResponse = Callable[[int, Mapping[str, str]], Response]

REJECTIONS: Final = {
    Fault.OUTAGE: 503,
    Fault.REJECT_401: 401,
    Fault.REJECT_402: 402,
    Fault.REJECT_404: 404,
    Fault.REJECT_422: 422,
    Fault.THROTTLED_SILENTLY: 429,
}
GATEWAY_PAGE: Final = "<html><head><title>{0}</title></head><body><center><h1>{0} Bad Day</h1></center></body></html>"


class Refusal(Exception):
    """Ends a call with this response."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"refused with {response.status_code}")
        self.response = response


class VendorCall:
    """Call `raise_if_refused()` before the operation, and `answer(...)` with its result."""

    def __init__(self, operation: Operation, *, error_response: ErrorResponse, closing: ClosingEvent) -> None:
        self.operation = operation
        self.error_response = error_response
        self.lasting_faults: list[ArmedFault] = []  #: faults of the prediction or job that this call creates
        self._firing: list[ArmedFault] = []
        self._closing = closing

    @property
    def faults(self) -> Faults:
        return Faults(self._firing)

    def join(self, armed: list[ArmedFault]) -> None:
        """Add faults to this call. Raises UnknownFaultError for a fault that has no effect on its operation."""
        creating = self.operation is Operation.CREATE
        for one in armed:
            if one.fires_on(self.operation) and not (creating and one.sheet.rides):
                self._firing.append(one)
            elif creating:
                self.lasting_faults.append(_without_limit(one))
            else:
                raise UnknownFaultError(f"{one.fault} cannot act on {self.operation}")

    def hides(self, created_ns: int) -> bool:
        """Whether a list does not show what was made then, since it lags behind."""
        age = (now_ns() - created_ns) / NANOSECONDS
        return Fault.LIST_LAG in self.faults and age < self.faults.seconds(Fault.LIST_LAG)

    async def raise_if_refused(self) -> None:
        """Raises Refusal when a fault rejects the call; nothing has been done then."""
        faults = self.faults
        if Fault.DROP_BEFORE_ACCEPT in faults:
            raise Refusal(Drop())
        if Fault.THROTTLED in faults:
            raise Refusal(self.error_response(429, {"retry-after": faults.text(Fault.THROTTLED)}))
        if Fault.SERVER_ERROR in faults:
            raise Refusal(self.error_response(faults.status(Fault.SERVER_ERROR), {}))
        for fault, status in REJECTIONS.items():
            if fault in faults:
                raise Refusal(self.error_response(status, {}))

    async def answer(
        self, document: dict[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        """The document as JSON; a fault may damage it."""
        if Fault.NO_ID in self.faults:
            document = {key: value for key, value in document.items() if key != "id"}
        if Fault.UNREADABLE_JSON in self.faults:
            text = json.dumps(document)
            return await self.send(Response(text[: len(text) // 2], status, headers, "application/json"))
        return await self.send(JSONResponse(document, status, headers))

    async def send(self, response: Response) -> Response:
        """The response, or what a fault replaces it by. The call has been carried out in any case."""
        faults = self.faults
        if Fault.HANG in faults:
            await self._closing.sleep(faults.seconds(Fault.HANG))
        if Fault.ACCEPT_THEN_DROP in faults:
            return Drop()
        if Fault.ACCEPT_THEN_ERROR in faults:
            status = faults.status(Fault.ACCEPT_THEN_ERROR)
            return HTMLResponse(GATEWAY_PAGE.format(status), status)
        return response


def _without_limit(one: ArmedFault) -> ArmedFault:
    return one.model_copy(update={"times": 0}) if one.sheet.rides else one
