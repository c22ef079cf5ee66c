"""`/api/credentials`: which credentials of vendors work, and using one again at once."""

from typing import Annotated, Final

from fastapi import APIRouter, Path
from pydantic import Field

from aijobs.domain.errors import NotFound
from aijobs.domain.jobs.circuits import Circuit, CircuitState
from aijobs.domain.jobs.events import MomentOrNone
from aijobs.domain.ports.credentials import credentials_of, provider_in
from aijobs.persistence.vendor_credentials import circuits, reset
from api.auth.caller import CredentialKeeper, CredentialReader
from api.checked_route import CheckedRoute
from api.dependencies import Db, Vendors
from api.problems import problem_responses
from api.schemas.jobs import Page, Shape

MAX_LENGTH: Final = 100

CredentialId = Annotated[str, Path(max_length=MAX_LENGTH, examples=["replicate:spare"])]

router = APIRouter(prefix="/api/credentials", tags=["operations"], route_class=CheckedRoute)


class Credential(Shape):
    """A credential of a vendor, without its key."""

    credential: str = Field(examples=["replicate:spare"])
    provider: str
    state: CircuitState = Field(
        description="`closed`: it is used. `open`: not before `until`. `half_open`: one job tries"
    )
    failures: int = Field(description="in a row")
    reason: str | None = Field(description="of the last failure")
    is_blocked: bool = Field(description="somebody must pay, or grant something, at the vendor first")
    since: MomentOrNone
    until: MomentOrNone


@router.get("", summary="List the credentials of vendors", responses=problem_responses(401, 403))
async def list_credentials(_: CredentialReader, vendors: Vendors, database: Db) -> Page[Credential]:
    """Those that are configured, and how each stands. Needs the scope `credentials:read`."""
    known = await database.read(circuits)
    configured = [credential for provider in vendors for credential in credentials_of(vendors, provider)]
    return Page(data=[_shown(known.get(one) or Circuit(credential=one)) for one in configured])


@router.post(
    "/{credential}/reset", summary="Use a credential again at once", responses=problem_responses(401, 403, 404)
)
async def reset_credential(credential: CredentialId, _: CredentialKeeper, vendors: Vendors, database: Db) -> Credential:
    """When what was wrong has been mended: jobs do not wait for the next probe. Needs the scope `credentials:write`."""
    if credential not in vendors:
        raise NotFound(f"No credential {credential} is configured.")
    return _shown(await database.write(reset, credential))


def _shown(circuit: Circuit) -> Credential:
    return Credential.model_validate(
        {**vars(circuit), "provider": provider_in(circuit.credential)}, from_attributes=True
    )
