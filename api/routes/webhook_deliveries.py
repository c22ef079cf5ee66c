"""`/api/webhook-deliveries`: the log of outgoing webhooks, and replaying them."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from aijobs.domain.webhooks import DeliveryState
from aijobs.persistence.database import Database
from aijobs.persistence.webhooks.endpoints import endpoint_of
from aijobs.persistence.webhooks.log import DeliveryFilter, deliveries_page, delivery_of
from aijobs.persistence.webhooks.replays import ReplayFilter, replay_failed
from aijobs.usecases import keep_webhooks
from api.auth.caller import WebhookKeeper
from api.dependencies import Db
from api.problems import problem_responses
from api.requests.paths import CodeCursor, DeliveryCode, EndpointCode
from api.requests.strict_json import StrictRoute
from api.schemas.jobs import Page
from api.schemas.webhooks import Replayed, ReplayRequest, WebhookDelivery, delivery_response

router = APIRouter(tags=["webhooks out"], route_class=StrictRoute)


class EndpointDeliveryQuery(BaseModel):
    """A filter, and the page."""

    model_config = ConfigDict(extra="forbid")

    state: DeliveryState | None = None
    cursor: CodeCursor | None = None
    limit: int = Field(default=20, ge=1, le=100)


class DeliveryQuery(EndpointDeliveryQuery):
    """The same, and a filter by job."""

    job: str | None = Field(default=None, max_length=100, description="A job's code.")


@router.get(
    "/api/webhook-deliveries", summary="List webhook deliveries, newest first", responses=problem_responses(401, 403)
)
async def list_all(
    query: Annotated[DeliveryQuery, Query()], caller: WebhookKeeper, database: Db
) -> Page[WebhookDelivery]:
    """Includes deliveries to `callback_url`s."""
    delivery_filter = DeliveryFilter(
        user_id=caller.visible_user, job_code=query.job, state=query.state, before=query.cursor
    )
    return await _page(database, delivery_filter, query.limit)


@router.get(
    "/api/webhook-endpoints/{id}/deliveries",
    summary="List an endpoint's deliveries, newest first",
    responses=problem_responses(401, 403, 404),
)
async def list_endpoint_deliveries(
    id: EndpointCode,  # noqa: A002
    query: Annotated[EndpointDeliveryQuery, Query()],
    caller: WebhookKeeper,
    database: Db,
) -> Page[WebhookDelivery]:
    await database.read(endpoint_of, id, user_id=caller.visible_user)
    delivery_filter = DeliveryFilter(
        user_id=caller.visible_user, endpoint_code=id, state=query.state, before=query.cursor
    )
    return await _page(database, delivery_filter, query.limit)


@router.get(
    "/api/webhook-deliveries/{id}", summary="Look at a webhook delivery", responses=problem_responses(401, 403, 404)
)
async def get(id: DeliveryCode, caller: WebhookKeeper, database: Db) -> WebhookDelivery:  # noqa: A002
    return delivery_response(await database.read(delivery_of, id, user_id=caller.visible_user))


@router.post(
    "/api/webhook-deliveries/{id}/replay",
    status_code=202,
    summary="Send a webhook again",
    responses=problem_responses(401, 403, 404, 409),
)
async def replay_one(id: DeliveryCode, caller: WebhookKeeper, database: Db) -> WebhookDelivery:  # noqa: A002
    """A new delivery of the same message, attempted at once. It replaces one that still waits for its next attempt."""
    return delivery_response(await keep_webhooks.replay_one(database, id, user_id=caller.visible_user))


@router.post(
    "/api/webhook-deliveries/replay",
    status_code=202,
    summary="Send all failed webhooks again",
    responses=problem_responses(400, 401, 403, 404, 409, 413, 415),
)
async def replay_failed_webhooks(body: ReplayRequest, caller: WebhookKeeper, database: Db) -> Replayed:
    """New deliveries of what has failed since a time, attempted at once. A second call leaves alone what was replayed.

    At most 500 at once, the oldest first: ask again while there are more.
    """
    criteria = ReplayFilter(
        since=body.since,
        until=body.until,
        user_id=caller.visible_user,
        endpoint_code=body.endpoint_id,
        include_waiting=body.include_waiting,
    )
    replayed, has_more = await database.write(replay_failed, criteria)
    return Replayed(replayed=replayed, has_more=has_more)


async def _page(database: Database, delivery_filter: DeliveryFilter, limit: int) -> Page[WebhookDelivery]:
    rows, has_more = await database.snapshot(deliveries_page, delivery_filter, limit=limit)
    next_cursor = rows[-1].code if has_more else None
    return Page(data=[delivery_response(row) for row in rows], has_more=has_more, next_cursor=next_cursor)
