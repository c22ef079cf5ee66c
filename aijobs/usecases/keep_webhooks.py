"""Keeping webhook endpoints, trying them, and sending again what was not taken.

A user who is named sees and changes only what is theirs. All raise NotFound for what is not there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.persistence.database import Database
from aijobs.persistence.tables import WebhookDeliveryRow, WebhookEndpointRow
from aijobs.persistence.webhooks import endpoints, log, replays

UrlError = Callable[[str], str | None]
"""Why webhooks cannot be sent to a URL; None when they can."""


@dataclass(frozen=True, kw_only=True)
class EndpointUpdate:
    """What is named changes."""

    url: str | None = None
    events: Sequence[str] | None = None
    enabled: bool | None = None


async def make_endpoint(
    database: Database, url_error: UrlError, *, user_id: str | None, url: str, events: Sequence[str], created_by: str
) -> WebhookEndpointRow:
    """For the jobs of a user, or of all. Raises InvalidParameters for the URL, and TooManyEndpoints."""
    _check_url(url, url_error)
    return await database.write(
        endpoints.create_endpoint, user_id=user_id, url=url, events=sorted(set(events)), created_by=created_by
    )


async def change_endpoint(
    database: Database, url_error: UrlError, code: str, update: EndpointUpdate, *, user_id: str | None
) -> WebhookEndpointRow:
    """Raises InvalidParameters for the URL."""
    if update.url is not None:
        _check_url(update.url, url_error)
    events = None if update.events is None else sorted(set(update.events))

    def work(session: Session) -> WebhookEndpointRow:
        row = endpoints.locked_endpoint(session, code, user_id=user_id)
        endpoints.change_endpoint(session, row, url=update.url, events=events, enabled=update.enabled)
        return row

    return await database.write(work)


async def delete_endpoint(database: Database, code: str, *, user_id: str | None) -> None:
    def work(session: Session) -> None:
        endpoints.delete_endpoint(session, endpoints.locked_endpoint(session, code, user_id=user_id))

    await database.write(work)


async def rotate_secret(database: Database, code: str, *, user_id: str | None) -> WebhookEndpointRow:
    """The old secret signs as well for SIGNED_TWICE_FOR."""

    def work(session: Session) -> WebhookEndpointRow:
        row = endpoints.locked_endpoint(session, code, user_id=user_id)
        endpoints.rotate_secret(session, row)
        return row

    return await database.write(work)


async def send_test(database: Database, code: str, *, user_id: str | None) -> WebhookDeliveryRow:
    """Raises EndpointDisabled."""

    def work(session: Session) -> WebhookDeliveryRow:
        return replays.test_delivery(session, endpoints.locked_endpoint(session, code, user_id=user_id))

    return await database.write(work)


async def replay_one(database: Database, code: str, *, user_id: str | None) -> WebhookDeliveryRow:
    """Raises EndpointDisabled."""

    def work(session: Session) -> WebhookDeliveryRow:
        return replays.replay(session, log.locked_delivery(session, code, user_id=user_id))

    return await database.write(work)


def _check_url(url: str, url_error: UrlError) -> None:
    """Raises InvalidParameters with the pointer `/url`."""
    if problem := url_error(url):
        raise InvalidParameters("Nobody can be called there.", FieldError("/url", problem))
