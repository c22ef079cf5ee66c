"""Signatures of Standard Webhooks. Secrets are derived from the installation's secret, so that none is stored."""

import base64
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from standardwebhooks import Webhook

from aijobs.domain.webhooks import SecretRef, WebhookMessage

PREFIX: Final = "whsec_"

_PURPOSE: Final = "aijobs webhook secret 1"  # so that values derived for other purposes are not valid here


def secret_of(master: bytes, secret_ref: SecretRef) -> str:
    """`whsec_…`: 256 bits, derived from the installation's secret; the same for the same `secret_ref`."""
    derived = hmac.digest(master, "\0".join((_PURPOSE, str(secret_ref.version), secret_ref.subject)).encode(), "sha256")
    return PREFIX + base64.b64encode(derived).decode()


def signed_headers(master: bytes, message: WebhookMessage, signed_at: datetime) -> Mapping[str, str]:
    """The three headers of Standard Webhooks, with one signature for each secret. `signed_at` is UTC."""
    signatures = [
        Webhook(secret_of(master, secret_ref)).sign(message.message_id, signed_at, message.body)
        for secret_ref in message.seals
    ]
    return {
        "webhook-id": message.message_id,
        "webhook-timestamp": str(int(signed_at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
