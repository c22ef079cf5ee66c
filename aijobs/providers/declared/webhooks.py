"""Webhooks of declared providers: which proof they carry, and which job they are about."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from aijobs.domain.errors import BadInput, NotAuthenticated
from aijobs.domain.jobs.submissions import Ref
from aijobs.domain.provider_io import IncomingWebhook, WebhookHint
from aijobs.providers.declared.declaration import ProofSection, WebhookSection
from aijobs.providers.declared.paths import AnswerPath


def secret_of_submission(key: SecretStr, token: str) -> str:
    """A secret of one submission alone, for the vendor to show again. The key cannot be found from it."""
    return hmac.new(key.get_secret_value().encode(), f"webhook {token}".encode(), hashlib.sha256).hexdigest()


def reference(paths: Mapping[str, AnswerPath], answer: object) -> Ref | None:
    """The reference in an answer; None without an id. Other parts may be missing."""
    found = {name: path.text(answer) for name, path in paths.items()}
    return {name: text for name, text in found.items() if text is not None} if found.get("id") else None


class WebhookReader:
    """Reads the webhooks of one credential: `key` is the vendor's, `signing` the one that it signs with, if it does."""

    def __init__(
        self, section: WebhookSection | None, *, label: str, key: SecretStr, signing: SecretStr | None
    ) -> None:
        self._section = section
        self._label = label
        self._key = key
        self._verifier = Webhook(signing.get_secret_value()) if signing else None

    def hint(self, delivery: IncomingWebhook) -> WebhookHint:
        """Raises NotAuthenticated without a proof, and BadInput when the body names no job."""
        if self._section is None:
            raise NotAuthenticated(f"{self._label} sends no webhooks.")
        proven = next((proof.kind for proof in self._section.proof if self._is_proven(proof, delivery)), None)
        if proven is None:
            raise NotAuthenticated("The webhook's proof is missing, wrong or too old.")
        body = _document(delivery.body)
        ref = reference(self._section.ref, body)
        if ref is None:
            raise BadInput("The webhook's body names no job.")
        word = self._section.status.text(body) if self._section.status else None
        delivery_id = delivery.headers.get("webhook-id") or f"{ref['id']}:{word}"
        sent_at = delivery.time_in("webhook-timestamp") if proven == "standard_webhooks" else None
        return WebhookHint(delivery_id=delivery_id, raw_status=word, ref=ref, sent_at=sent_at)

    def _is_proven(self, proof: ProofSection, delivery: IncomingWebhook) -> bool:
        shown = delivery.headers.get((proof.header or "").lower(), "")
        secret = secret_of_submission(self._key, delivery.token)
        match proof.kind:
            case "token":
                return bool(delivery.token)
            case "secret_header":
                return hmac.compare_digest(shown.encode(), secret.encode())
            case "hmac_sha256":
                expected = hmac.new(secret.encode(), delivery.body, hashlib.sha256).hexdigest()
                return hmac.compare_digest(shown.removeprefix("sha256=").lower().encode(), expected.encode())
            case "standard_webhooks":
                return self._is_signed(delivery)

    def _is_signed(self, delivery: IncomingWebhook) -> bool:
        if self._verifier is None:
            raise NotAuthenticated(f"No webhook secret is configured for {self._label}.")
        try:
            self._verifier.verify(delivery.body, dict(delivery.headers), json_parse=False)
        except (WebhookVerificationError, ValueError):  # ValueError: malformed headers or body
            return False
        return True


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as unreadable:
        raise BadInput("The webhook's body is not JSON.") from unreadable
