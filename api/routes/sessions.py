"""`/api/sessions`: signing in and out of a browser on our own origin."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from aijobs.persistence.access.keys import MAX_KEY_LENGTH
from api.auth.access import AppAccess
from api.auth.named_users import checked_user
from api.auth.origins import refuse_foreign_origin, refuse_other_pages
from api.auth.sessions import close_session, cookie_of, open_session
from api.auth.wrong_keys import wrong_keys_counted
from api.problems import problem_responses
from api.requests.strict_json import StrictRoute

router = APIRouter(prefix="/api/sessions", tags=["access"], route_class=StrictRoute)


class SignIn(BaseModel):
    """A key. With `user_id` the session is for this end user only."""

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, json_schema_extra={"examples": [{"key": "aijobs_service_…"}]}
    )

    key: Annotated[str, Field(min_length=1, max_length=MAX_KEY_LENGTH)]
    user_id: str | StrictInt | None = None


@router.post("", status_code=204, summary="Sign in", responses=problem_responses(400, 401, 403, 415, 422, 429))
async def sign_in(body: SignIn, request: Request, access: AppAccess) -> Response:
    """Exchanges a key for a session cookie. For pages on the API's own origin."""
    refuse_foreign_origin(request, access.base_url, ())
    user_id = None if body.user_id is None else checked_user(str(body.user_id))
    with wrong_keys_counted(request, body.key):
        session = await open_session(access, body.key, user_id=user_id)
    response = Response(status_code=204)
    cookie_of(access).put(response, session)
    return response


@router.delete("", status_code=204, summary="Sign out", responses=problem_responses(403))
async def sign_out(request: Request, access: AppAccess) -> Response:
    """Ends the session and deletes the cookie. Does nothing without a session."""
    response = Response(status_code=204)
    cookie = cookie_of(access)
    if secret := request.cookies.get(cookie.name):
        refuse_other_pages(request, access.base_url)
        await close_session(access, secret)
        cookie.drop(response)
    return response
