"""Signatures of Standard Webhooks. Secrets are derived from the installation's, so that none has to be kept."""

import base64
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from standardwebhooks import Webhook

from aijobs.domain.webhooks import SecretRef, WebhookMessage

PREFIX: Final = "whsec_"

_PURPOSE: Final = "aijobs webhook secret 1"  # so that nothing derived for anything else is a secret here


def secret_of(master: bytes, seal: SecretRef) -> str:
    """`whsec_…`: 256 bits that only this installation can make, and makes again whenever they are needed."""
    derived = hmac.digest(master, "\0".join((_PURPOSE, str(seal.version), seal.subject)).encode(), "sha256")
    return PREFIX + base64.b64encode(derived).decode()


def signed_headers(master: bytes, notice: WebhookMessage, moment: datetime) -> Mapping[str, str]:
    """The three headers of Standard Webhooks, with one signature for each secret. `moment` is UTC."""
    signatures = [
        Webhook(secret_of(master, seal)).sign(notice.message_id, moment, notice.body) for seal in notice.seals
    ]
    return {
        "webhook-id": notice.message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
