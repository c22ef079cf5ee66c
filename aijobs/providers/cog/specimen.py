"""One prediction, as a server of version 0.23.1 has told it."""

import json
from typing import Any, Final

from aijobs.domain.jobs.submissions import CancelOutcome
from aijobs.domain.provider_io import IncomingWebhook
from aijobs.providers.package import Specimen, SpecimenWebhook, WebhookSending

#: The id that the conformance suite's token gives.
ID: Final = "jwltwkgcze6xpimhlgztrsxo5q"
PICTURE: Final = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def _prediction(status: str, **fields: Any) -> str:
    return json.dumps({"id": ID, "status": status, "logs": "", "metrics": {}, **fields})


FINISHED: Final = _prediction("succeeded", output=PICTURE, metrics={"predict_time": 4.027714908})


def _webhook(sending: WebhookSending) -> IncomingWebhook:
    return IncomingWebhook({"user-agent": "coglet/0.23.1"}, FINISHED.encode(), sending.token)


SPECIMEN: Final = Specimen(
    model="painter",
    params={"prompt": "a lighthouse at dusk"},
    job_id=ID,
    submitted=json.dumps({"id": ID, "status": "starting"}),
    running=_prediction("processing"),
    word="processing",
    finished=FINISHED,
    failed=_prediction("failed", error="Prediction failed: ValueError: no"),
    emptied=_prediction("succeeded", output=[]),
    shapes=(
        (_prediction("succeeded", output=[PICTURE, PICTURE]), 2),
        (_prediction("succeeded", output="https://store.example/out.mp4"), 1),
        (_prediction("succeeded", output={"picture": PICTURE, "score": 0.5}), 1),
        (_prediction("succeeded", output=["A ", "light", "house."]), 1),
        (_prediction("succeeded", output={"score": 0.5}), 1),
    ),
    cancels={CancelOutcome.REQUESTED: (200, "{}"), CancelOutcome.TOO_LATE: (404, "{}")},
    webhooks=[SpecimenWebhook(sent=_webhook, proof=frozenset({"path"}))],
    alive=json.dumps({"status": "BUSY", "setup": {"started_at": "2026-10-20T14:46:36.814812979+00:00"}}),
)
