"""One prediction, shortened from recorded traffic."""

import json
from typing import Any, Final

from aijobs.domain.jobs.submissions import CancelOutcome
from aijobs.providers.package import Specimen, standard_webhook

ID: Final = "vgcm4plb7tgzlyznry5d5jkgvu"
OUTPUT: Final = "https://replicate.delivery/pbxt/9inf36/out-0.png"
URLS: Final = {name: f"$URL/v1/predictions/{ID}{end}" for name, end in (("get", ""), ("cancel", "/cancel"))}

LISTED: Final = {"id": ID, "urls": URLS, "webhook": "https://us.example/hooks/$TOKEN"}


def _prediction(status: str, **fields: Any) -> str:
    return json.dumps({"id": ID, "status": status, "urls": URLS, "output": None, "error": None, **fields})


SPECIMEN: Final = Specimen(
    model="topazlabs/image-upscale",
    params={"image": "https://example.com/photo.png", "upscale_factor": 2},
    job_id=ID,
    submitted=_prediction("starting"),
    running=_prediction("processing", logs=" 46%|####6     | 23/50 [00:02<00:02, 11.0it/s]\n"),
    word="processing",
    finished=_prediction("succeeded", output=[OUTPUT]),
    failed=_prediction("failed", error="CUDA out of memory"),
    interrupted=_prediction("failed", error="Prediction interrupted; please retry (code: PA)"),
    emptied=_prediction("succeeded", output=[]),
    shapes=(
        (_prediction("succeeded", output="https://replicate.delivery/out.mp4"), 1),
        (_prediction("succeeded", output={"mask": "https://replicate.delivery/m.png", "seeds": [1]}), 1),
        (_prediction("succeeded", output=[f"https://replicate.delivery/{number}.png" for number in range(4)]), 4),
        (_prediction("succeeded", output="data:image/png;base64,iVBORw0KGgo="), 1),
        (_prediction("succeeded", output=["A ", "light", "house."]), 1),
        (_prediction("succeeded", output={"score": 0.5}), 1),
    ),
    cancels={
        CancelOutcome.CANCELED: (200, _prediction("canceled")),
        CancelOutcome.REQUESTED: (200, _prediction("processing")),
        CancelOutcome.TOO_LATE: (200, _prediction("succeeded", output=[OUTPUT])),
    },
    webhooks=[standard_webhook(_prediction("succeeded", output=[OUTPUT]))],
    listed=json.dumps(
        {"results": [{"id": ID, "urls": URLS, "webhook": "https://us.example/hooks/$TOKEN"}], "next": None}
    ),
)
