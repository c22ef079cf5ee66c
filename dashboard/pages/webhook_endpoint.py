"""One webhook endpoint with its deliveries, and one delivery with all of its tries."""

import json
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlmodel import Session

from aijobs.domain.webhooks import MAX_URL_LENGTH, SIGNED_TWICE_FOR, DeliveryState, EventType
from aijobs.persistence.column_types import now
from aijobs.persistence.tables import WebhookDeliveryRow
from aijobs.persistence.webhooks.deliveries import body_of
from aijobs.persistence.webhooks.endpoints import endpoint_of
from aijobs.persistence.webhooks.log import delivery_of
from aijobs.persistence.webhooks.replays import replay_of
from aijobs.usecases import keep_webhooks
from aijobs.usecases.keep_webhooks import EndpointUpdate
from api.auth.caller import WebhookKeeper
from api.dependencies import Db, InstallationSecret, WebhookUrlError
from api.requests.paths import DeliveryCode, EndpointCode
from dashboard.page import PageRoute, Visiting, go_to
from dashboard.pages.webhooks import DeliveriesQuery, Events, deliveries_shown, secret_shown

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/webhooks/deliveries/{id}")
async def show_delivery(visit: Visiting, caller: WebhookKeeper, code: DeliveryCode) -> HTMLResponse:
    def work(session: Session) -> tuple[WebhookDeliveryRow, str, WebhookDeliveryRow | None]:
        row = delivery_of(session, code, user_id=caller.visible_user)
        return row, body_of(session, row), replay_of(session, code)

    delivery, body, newer = await visit.database.read(work)
    return await visit.page(
        "webhook_delivery.html",
        current="webhooks",
        delivery=delivery,
        body=json.loads(body),
        newer=newer,
        is_pending=delivery.state == DeliveryState.PENDING,
    )


@router.post("/webhooks/deliveries/{id}/replay")
async def replay(caller: WebhookKeeper, database: Db, code: DeliveryCode) -> RedirectResponse:
    """Shows the new delivery."""
    new = await keep_webhooks.replay_one(database, code, user_id=caller.visible_user)
    return go_to(f"/webhooks/deliveries/{new.code}")


@router.get("/webhooks/{id}")
async def show_endpoint(
    visit: Visiting,
    caller: WebhookKeeper,
    code: EndpointCode,
    query: Annotated[DeliveriesQuery, Query()],
) -> HTMLResponse:
    endpoint = await visit.database.read(endpoint_of, code, user_id=caller.visible_user)
    old_until = endpoint.rotated_at and endpoint.rotated_at + SIGNED_TWICE_FOR
    return await visit.page(
        "webhook_endpoint.html",
        current="webhooks",
        endpoint=endpoint,
        old_until=old_until if old_until and old_until > now() else None,
        events=tuple(EventType),
        **await deliveries_shown(visit, query, user_id=caller.visible_user, endpoint_code=code),
    )


@router.post("/webhooks/{id}/change")
async def change(
    caller: WebhookKeeper,
    database: Db,
    url_error: WebhookUrlError,
    code: EndpointCode,
    url: Annotated[str, Form(max_length=MAX_URL_LENGTH)],
    event: Events,
) -> RedirectResponse:
    update = EndpointUpdate(url=url.strip(), events=event)
    await keep_webhooks.change_endpoint(database, url_error, code, update, user_id=caller.visible_user)
    return go_to(f"/webhooks/{code}")


@router.post("/webhooks/{id}/enable")
async def enable(
    caller: WebhookKeeper,
    database: Db,
    url_error: WebhookUrlError,
    code: EndpointCode,
    enabled: Annotated[bool, Form()],
) -> RedirectResponse:
    """Pauses the endpoint, or lets it hear again."""
    update = EndpointUpdate(enabled=enabled)
    await keep_webhooks.change_endpoint(database, url_error, code, update, user_id=caller.visible_user)
    return go_to(f"/webhooks/{code}")


@router.post("/webhooks/{id}/test")
async def send_test(caller: WebhookKeeper, database: Db, code: EndpointCode) -> RedirectResponse:
    """Shows the delivery, which says how it went."""
    sent = await keep_webhooks.send_test(database, code, user_id=caller.visible_user)
    return go_to(f"/webhooks/deliveries/{sent.code}")


@router.post("/webhooks/{id}/rotate")
async def rotate(
    visit: Visiting,
    caller: WebhookKeeper,
    secret: InstallationSecret,
    code: EndpointCode,
) -> HTMLResponse:
    """Shows the new secret, once."""
    endpoint = await keep_webhooks.rotate_secret(visit.database, code, user_id=caller.visible_user)
    return await secret_shown(visit, endpoint, secret, status=HTTPStatus.OK)


@router.post("/webhooks/{id}/delete")
async def delete(caller: WebhookKeeper, database: Db, code: EndpointCode) -> RedirectResponse:
    await keep_webhooks.delete_endpoint(database, code, user_id=caller.visible_user)
    return go_to("/webhooks")
