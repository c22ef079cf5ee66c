"""One request of fal's queue, as its documents tell it."""

import base64
import hashlib
import json
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from aijobs.domain.jobs.submissions import CancelOutcome
from aijobs.domain.provider_io import IncomingWebhook
from aijobs.providers.package import Specimen, SpecimenWebhook, WebhookSending

ID: Final = "764cabcf-b745-4b3e-ae38-1200304cf45b"
MODEL: Final = "fal-ai/flux/schnell"
REQUEST: Final = f"$URL/fal/queue/fal-ai/flux/requests/{ID}"
PICTURE: Final = {"url": "https://v3.fal.media/files/koala/a.png", "content_type": "image/png"}
EVENT: Final = json.dumps(
    {"request_id": ID, "gateway_request_id": ID, "status": "OK", "payload": {"images": [PICTURE]}}
)


def _status(status: str, **fields: Any) -> str:
    return json.dumps({"request_id": ID, "status": status, **fields})


def _finished(**result: Any) -> dict[str, str]:
    """The result is at the request's own URL."""
    return {"/status": _status("COMPLETED", logs=[]), "": json.dumps(result)}


def _key_of(secret: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(secret.encode()).digest())


def _published(secret: str) -> str:
    public = _key_of(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    written = base64.urlsafe_b64encode(public).decode().rstrip("=")
    return json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": written}]})


def _webhook(sending: WebhookSending) -> IncomingWebhook:
    parts = [ID, "github|1", str(int(sending.at.timestamp()))]
    message = "\n".join([*parts, hashlib.sha256(EVENT.encode()).hexdigest()])
    named = zip(("request-id", "user-id", "timestamp"), parts, strict=True)
    headers = {f"x-fal-webhook-{name}": part for name, part in named}
    signature = _key_of(sending.secret).sign(message.encode()).hex()
    return IncomingWebhook(headers | {"x-fal-webhook-signature": signature}, EVENT.encode(), sending.token)


SPECIMEN: Final = Specimen(
    model=MODEL,
    params={"prompt": "a lighthouse at dusk"},
    job_id=ID,
    submitted=_status(
        "IN_QUEUE",
        queue_position=0,
        status_url=f"{REQUEST}/status",
        response_url=REQUEST,
        cancel_url=f"{REQUEST}/cancel",
    ),
    running=_status("IN_PROGRESS", logs=[]),
    word="IN_PROGRESS",
    finished=_finished(images=[PICTURE], seed=7),
    failed=_status("COMPLETED", error="The content is against the policy.", error_type="content_policy_violation"),
    emptied=_finished(),
    shapes=(
        (_finished(images=[PICTURE, PICTURE]), 2),
        (_finished(video={"url": "https://v3.fal.media/files/koala/a.mp4"}), 1),
        (_finished(output="A lighthouse."), 1),
        (_finished(scores=[0.5]), 1),
    ),
    cancels={
        CancelOutcome.CANCELED: (200, json.dumps({"status": "OK"})),
        CancelOutcome.REQUESTED: (202, json.dumps({"status": "CANCELLATION_REQUESTED"})),
        CancelOutcome.TOO_LATE: (200, {"/cancel": json.dumps({"status": "ALREADY_COMPLETED"}), **_finished(images=[])}),
    },
    webhooks=[SpecimenWebhook(sent=_webhook, proof=frozenset({"time", "body"}), keys=_published)],
    listed=json.dumps(
        {
            "items": [{"request_id": ID, "json_input": {"image_url": "https://us.example/$TOKEN.png"}}],
            "next_cursor": None,
        }
    ),
)
