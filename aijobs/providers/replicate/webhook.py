"""Replicate's webhooks: Standard Webhooks signatures over the raw body, which is the prediction itself."""

import json

from standardwebhooks import Webhook, WebhookVerificationError

from aijobs.domain.errors import BadInput, NotAuthenticated
from aijobs.domain.provider_io import IncomingWebhook
from aijobs.providers.replicate.prediction import Prediction, prediction_in


def verify(delivery: IncomingWebhook, verifier: Webhook | None) -> None:
    """Raises NotAuthenticated when the signature is missing, wrong, or more than five minutes old."""
    if verifier is None:
        raise NotAuthenticated("No webhook secret is configured for Replicate.")
    try:
        verifier.verify(delivery.body, dict(delivery.headers), json_parse=False)
    except (WebhookVerificationError, ValueError) as refused:  # ValueError: malformed headers or body
        raise NotAuthenticated("The webhook's signature is missing, wrong or too old.") from refused


def prediction_of(delivery: IncomingWebhook) -> Prediction:
    """Raises BadInput when the body is not a prediction."""
    try:
        prediction = prediction_in(json.loads(delivery.body))
    except (ValueError, RecursionError) as unreadable:
        raise BadInput("The webhook's body is not JSON.") from unreadable
    if prediction is None:
        raise BadInput("The webhook's body is not a prediction.")
    return prediction
