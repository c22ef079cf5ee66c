"""Webhooks: the endpoints, what was sent to them, and sending again what was not taken."""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, BeforeValidator, Field

from aijobs.domain.values.user_ids import MAX_USER_LENGTH
from aijobs.domain.webhooks import (
    FINAL_TYPES,
    MAX_URL_LENGTH,
    SIGNED_TWICE_FOR,
    DeliveryState,
    EventType,
    endpoint_secret_ref,
    secret_of,
)
from aijobs.persistence.column_types import now
from aijobs.persistence.tables import WebhookEndpointRow
from aijobs.persistence.webhooks.endpoints import endpoints_of
from aijobs.persistence.webhooks.log import DeliveryFilter, deliveries_page
from aijobs.persistence.webhooks.replays import ReplayFilter, replay_failed
from aijobs.usecases import keep_webhooks
from api.auth.caller import WebhookKeeper
from api.dependencies import Db, InstallationSecret, WebhookUrlError
from dashboard.page import PageRequest, PageRoute, Visiting, go_to

PAGE_LENGTH: Final = 25
MAX_ENDPOINTS_SHOWN: Final = 200
MAX_CODE: Final = 40

#: How far back failed messages are sent again, in hours.
SINCE: Final = (1, 6, 24, 72, 168)

Events = Annotated[list[EventType], Form(min_length=1, max_length=len(EventType))]

router = APIRouter(route_class=PageRoute, include_in_schema=False)


class DeliveriesQuery(BaseModel):
    """Which deliveries a page shows. `replayed` is how many were just sent again, `more` whether some are left."""

    state: Annotated[DeliveryState | None, BeforeValidator(lambda text: text or None)] = None
    cursor: str = Field(default="", max_length=MAX_CODE)
    replayed: int | None = Field(default=None, ge=0)
    more: bool = False

    def address(self, *, state: str = "", cursor: str = "") -> str:
        return urlencode({name: value for name, value in (("state", state), ("cursor", cursor)) if value})


async def deliveries_shown(
    visit: PageRequest, query: DeliveriesQuery, *, user_id: str | None, endpoint_code: str | None = None
) -> Mapping[str, Any]:
    """What the template of a list of deliveries needs."""
    criteria = DeliveryFilter(
        user_id=user_id, endpoint_code=endpoint_code, state=query.state, before=query.cursor or None
    )
    rows, more = await visit.database.snapshot(deliveries_page, criteria, limit=PAGE_LENGTH)
    return {
        "query": query,
        "deliveries": rows,
        "next_page": query.address(state=query.state or "", cursor=rows[-1].code) if more else None,
        "states": tuple(DeliveryState),
        "hours": SINCE,
    }


async def secret_shown(
    visit: PageRequest, endpoint: WebhookEndpointRow, secret: bytes, *, status: HTTPStatus
) -> HTMLResponse:
    """An endpoint's secret, this once."""
    return await visit.page(
        "webhook_secret.html",
        status=status,
        current="webhooks",
        endpoint=endpoint,
        secret=secret_of(secret, endpoint_secret_ref(endpoint.code, endpoint.secret_version)),
        old_until=endpoint.rotated_at and endpoint.rotated_at + SIGNED_TWICE_FOR,
    )


@router.get("/webhooks")
async def show_webhooks(
    visit: Visiting, caller: WebhookKeeper, query: Annotated[DeliveriesQuery, Query()]
) -> HTMLResponse:
    endpoints = await visit.database.read(endpoints_of, user_id=caller.visible_user)
    return await visit.page(
        "webhooks.html",
        current="webhooks",
        endpoints=endpoints[:MAX_ENDPOINTS_SHOWN],
        endpoints_total=len(endpoints),
        events=tuple(EventType),
        usual=FINAL_TYPES,
        **await deliveries_shown(visit, query, user_id=caller.visible_user),
    )


@router.post("/webhooks")
async def make(
    visit: Visiting,
    caller: WebhookKeeper,
    url_error: WebhookUrlError,
    secret: InstallationSecret,
    url: Annotated[str, Form(max_length=MAX_URL_LENGTH)],
    event: Events,
    user: Annotated[str, Form(max_length=MAX_USER_LENGTH)] = "",
) -> HTMLResponse:
    """Shows the new endpoint's secret, once."""
    owner = None if not user.strip() and caller.visible_user is None else caller.acting_user(user.strip() or None)
    endpoint = await keep_webhooks.make_endpoint(
        visit.database, url_error, user_id=owner, url=url.strip(), events=event, created_by=caller.key_id
    )
    return await secret_shown(visit, endpoint, secret, status=HTTPStatus.CREATED)


@router.post("/webhooks/replay")
async def replay_all(
    caller: WebhookKeeper,
    database: Db,
    *,
    hours: Annotated[int, Form(ge=1, le=24 * 366)],
    endpoint: Annotated[str, Form(max_length=MAX_CODE)] = "",
    waiting: Annotated[bool, Form()] = False,
) -> RedirectResponse:
    """Shows the list, with how many were sent again."""
    criteria = ReplayFilter(
        since=now() - timedelta(hours=hours),
        user_id=caller.visible_user,
        endpoint_code=endpoint or None,
        include_waiting=waiting,
    )
    count, more = await database.write(replay_failed, criteria)
    page = f"/webhooks/{endpoint}" if endpoint else "/webhooks"
    return go_to(f"{page}?{urlencode({'replayed': count, **({'more': 1} if more else {})})}")
