"""`/api/webhook-endpoints`: receivers of outgoing webhooks, and their signing secrets."""

from typing import Final

from fastapi import APIRouter

from aijobs.persistence.webhooks.endpoints import endpoint_of, endpoints_of, rotate_user_secret, user_secret
from aijobs.usecases import keep_webhooks
from aijobs.usecases.keep_webhooks import EndpointUpdate
from api.auth.caller import Caller, WebhookKeeper
from api.dependencies import Db, InstallationSecret, WebhookUrlError
from api.problems import problem_responses
from api.requests.paths import EndpointCode
from api.requests.strict_json import StrictRoute
from api.schemas.jobs import Page
from api.schemas.webhooks import (
    EndpointChange,
    EndpointRequest,
    UserSecret,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEndpointWithSecret,
    delivery_response,
    endpoint_response,
    secret_response,
    with_secret,
)

PROBLEMS: Final = problem_responses(401, 403, 404, 422)
PROBLEMS_OF_CHANGES: Final = problem_responses(400, 401, 403, 404, 409, 413, 415)

router = APIRouter(tags=["webhooks out"], route_class=StrictRoute)


@router.post(
    "/api/webhook-endpoints", status_code=201, summary="Register a webhook endpoint", responses=PROBLEMS_OF_CHANGES
)
async def create(
    body: EndpointRequest,
    caller: WebhookKeeper,
    database: Db,
    url_error: WebhookUrlError,
    secret: InstallationSecret,
) -> WebhookEndpointWithSecret:
    """It receives the named events from now on. The secret is shown only in this response."""
    row = await keep_webhooks.make_endpoint(
        database,
        url_error,
        user_id=_owner(caller, body),
        url=body.url,
        events=body.events,
        created_by=caller.key_id,
    )
    return with_secret(row, secret)


@router.get("/api/webhook-endpoints", summary="List webhook endpoints", responses=problem_responses(401, 403))
async def list_all(caller: WebhookKeeper, database: Db) -> Page[WebhookEndpoint]:
    """The endpoints of the caller's user; with a service key that names no user, all."""
    rows = await database.read(endpoints_of, user_id=caller.visible_user)
    return Page(data=[endpoint_response(row) for row in rows])


@router.get("/api/webhook-endpoints/{id}", summary="Look at a webhook endpoint", responses=PROBLEMS)
async def get(id: EndpointCode, caller: WebhookKeeper, database: Db) -> WebhookEndpoint:  # noqa: A002
    return endpoint_response(await database.read(endpoint_of, id, user_id=caller.visible_user))


@router.patch("/api/webhook-endpoints/{id}", summary="Change a webhook endpoint", responses=PROBLEMS_OF_CHANGES)
async def change(
    id: EndpointCode,  # noqa: A002
    body: EndpointChange,
    caller: WebhookKeeper,
    database: Db,
    url_error: WebhookUrlError,
) -> WebhookEndpoint:
    """A new URL also applies to pending deliveries. Deliveries that failed while it was disabled can be replayed."""
    update = EndpointUpdate(url=body.url, events=body.events, enabled=body.enabled)
    row = await keep_webhooks.change_endpoint(database, url_error, id, update, user_id=caller.visible_user)
    return endpoint_response(row)


@router.delete("/api/webhook-endpoints/{id}", status_code=204, summary="Delete a webhook endpoint", responses=PROBLEMS)
async def delete(id: EndpointCode, caller: WebhookKeeper, database: Db) -> None:  # noqa: A002
    await keep_webhooks.delete_endpoint(database, id, user_id=caller.visible_user)


@router.post("/api/webhook-endpoints/{id}/rotate-secret", summary="Give an endpoint a new secret", responses=PROBLEMS)
async def rotate(
    id: EndpointCode,  # noqa: A002
    caller: WebhookKeeper,
    database: Db,
    secret: InstallationSecret,
) -> WebhookEndpointWithSecret:
    """For 24 hours, messages are signed with the old secret as well."""
    return with_secret(await keep_webhooks.rotate_secret(database, id, user_id=caller.visible_user), secret)


@router.post(
    "/api/webhook-endpoints/{id}/test",
    status_code=202,
    summary="Send an endpoint a test message",
    responses=problem_responses(401, 403, 404, 409, 422),
)
async def test(id: EndpointCode, caller: WebhookKeeper, database: Db) -> WebhookDelivery:  # noqa: A002
    """A message of the type `endpoint.test`. The returned delivery shows how it went."""
    return delivery_response(await keep_webhooks.send_test(database, id, user_id=caller.visible_user))


@router.get("/api/webhook-secret", summary="See the secret of callbacks", responses=problem_responses(401, 403, 422))
async def get_user_secret(caller: WebhookKeeper, database: Db, secret: InstallationSecret) -> UserSecret:
    """It signs messages to the `callback_url` of the user's jobs. With a service key, name the user."""
    return secret_response(await database.read(user_secret, caller.acting_user()), secret)


@router.post(
    "/api/webhook-secret/rotate", summary="Get a new secret for callbacks", responses=problem_responses(401, 403, 422)
)
async def rotate_webhook_secret(caller: WebhookKeeper, database: Db, secret: InstallationSecret) -> UserSecret:
    """For 24 hours, messages are signed with the old secret as well."""
    row = await database.write(rotate_user_secret, caller.acting_user())
    return secret_response(row, secret)


def _owner(caller: Caller, body: EndpointRequest) -> str | None:
    """The user whose events are sent; None, for all users, when a service key names no user."""
    if body.user_id is None and caller.visible_user is None:
        return None
    return caller.acting_user(body.user_id)
