"""`POST /api/tickets`: tickets for opening streams."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, StrictInt

from aijobs.domain.jobs.events import Moment
from api.auth.caller import Reader
from api.auth.tickets import make_ticket
from api.dependencies import InstallationSecret
from api.problems import problem_responses
from api.requests.strict_json import StrictRoute
from api.schemas.jobs import Shape

router = APIRouter(tags=["access"], route_class=StrictRoute)


class TicketRequest(BaseModel):
    """The user whose events are followed; a service key must name one, here or in the header."""

    model_config = ConfigDict(extra="forbid")

    user_id: str | StrictInt | None = None


class Ticket(Shape):
    """Sent in a stream's URL, as `?ticket=`. It opens until `expires_at`, and reopens until `until`."""

    ticket: str
    expires_at: Moment
    until: Moment


@router.post(
    "/api/tickets",
    status_code=201,
    summary="Make a ticket for a stream",
    responses=problem_responses(400, 401, 403, 413, 415),
)
async def create_ticket(caller: Reader, secret: InstallationSecret, body: TicketRequest | None = None) -> Ticket:
    """For an EventSource or a WebSocket, which cannot set a header. Valid for a minute, to open streams only.

    An EventSource that was cut comes back by itself with `Last-Event-ID`; it is let in until `until`, which is at most
    twelve hours later and never later than the caller's own credentials.
    """
    user_id = caller.acting_user(body.user_id if body else None)
    ticket = make_ticket(secret, caller, user_id=user_id)
    return Ticket(ticket=ticket.text, expires_at=ticket.expires_at, until=ticket.until)
