"""One job of Midjourney, as TTAPI's documents have it."""

import json
from typing import Any, Final

from aijobs.domain.provider_io import IncomingWebhook
from aijobs.providers.package import Specimen, SpecimenWebhook, WebhookSending

GRID: Final = "https://cdn.ttapi.io/grid.png"
PICTURES: Final = [f"https://cdn.ttapi.io/u{number}.png" for number in range(4)]
HOOK: Final = "https://aijobs.example/api/webhooks/specimen/TOKEN"
ID: Final = "da2b1fda-0455-4952-9f0e-d4cb891f8b1e"


def _job(status: str, message: str = "", **data: Any) -> str:
    return json.dumps({"status": status, "message": message, "jobId": ID, "data": {"jobId": ID, **data}})


def _webhook(sending: WebhookSending) -> IncomingWebhook:
    """It is unsigned; what proves it is the address that it repeats."""
    hook_url = HOOK.replace("TOKEN", sending.token)
    body = _job("SUCCESS", progress="100", cdnImage=GRID, images=[], hookUrl=hook_url)
    return IncomingWebhook({}, body.encode(), sending.token)


SPECIMEN: Final = Specimen(
    model="midjourney-v7",
    params={"prompt": "a lighthouse at dusk"},
    job_id=ID,
    submitted=json.dumps({"status": "SUCCESS", "message": "success", "data": {"jobId": ID}}),
    running=_job("ON_QUEUE", progress="46%"),
    word="ON_QUEUE",
    finished=_job("SUCCESS", progress="100", cdnImage=GRID, images=[]),
    failed=_job("FAILED", "Banned prompt."),
    emptied=_job("SUCCESS", progress="100", cdnImage=None, images=[]),
    shapes=[(_job("SUCCESS", progress="100", cdnImage=GRID, images=PICTURES), 5)],
    webhooks=[SpecimenWebhook(sent=_webhook, proof=frozenset({"path"}))],
    listed=json.dumps({"status": "SUCCESS", "data": [{"job_id": ID, "hook_url": HOOK.replace("TOKEN", "$TOKEN")}]}),
)
