"""TTAPI's webhooks. They are unsigned: the token in the path is checked, and the content is used only as a hint."""

import json
from typing import Any

from aijobs.domain.errors import BadInput, NotAuthenticated
from aijobs.domain.provider_io import IncomingWebhook, WebhookHint
from aijobs.providers.ttapi.job import details_in, job_id_in


def hint_of(delivery: IncomingWebhook) -> WebhookHint:
    """The job that has changed. Raises BadInput, or NotAuthenticated when the body contains another hookUrl."""
    envelope = _envelope(delivery.body)
    job_id = job_id_in(envelope)
    if job_id is None:
        raise BadInput("The webhook's body names no job.")
    echoed = details_in(envelope).get("hookUrl")
    if not delivery.token or (isinstance(echoed, str) and delivery.token not in echoed):
        raise NotAuthenticated("The webhook is about another job.")
    status = str(envelope.get("status") or "")
    return WebhookHint(delivery_id=f"{job_id}:{status}", raw_status=status or None, ref={"id": job_id})


def _envelope(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as unreadable:
        raise BadInput("The webhook's body is not JSON.") from unreadable
    if not isinstance(document, dict):
        raise BadInput("The webhook's body is not an object.")
    return document
