"""`GET /.well-known/security.txt`: whom to tell of a weakness (RFC 9116)."""

from datetime import timedelta
from typing import Final

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from aijobs.domain.errors import NotFound
from aijobs.persistence.column_types import now
from api.dependencies import PublicUrl, Settings
from api.problems import problem_responses

PATH: Final = "/.well-known/security.txt"
VALID_FOR: Final = timedelta(days=90)  #: below the year that the RFC recommends

router = APIRouter(tags=["health"])


@router.get(
    PATH, summary="Whom to tell of a weakness", response_class=PlainTextResponse, responses=problem_responses(404)
)
async def security_contact(settings: Settings, base_url: PublicUrl) -> PlainTextResponse:
    """What `AIJOBS_API__SECURITY_CONTACT` says, as RFC 9116 has it; 404 without one."""
    if settings.security_contact is None:
        raise NotFound("No security contact is set.")
    expires = (now() + VALID_FOR).replace(microsecond=0)
    lines = {
        "Contact": settings.security_contact,
        "Expires": f"{expires:%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages": "en, zh",
        "Canonical": f"{base_url}{PATH}",
    }
    return PlainTextResponse("".join(f"{name}: {value}\n" for name, value in lines.items()))
