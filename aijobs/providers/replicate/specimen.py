"""One prediction, shortened from recorded traffic."""

import json
from typing import Any, Final

from aijobs.providers.package import Specimen

ID: Final = "vgcm4plb7tgzlyznry5d5jkgvu"
URLS: Final = {name: f"$URL/v1/predictions/{ID}{end}" for name, end in (("get", ""), ("cancel", "/cancel"))}


def _prediction(status: str, **fields: Any) -> str:
    return json.dumps({"id": ID, "status": status, "urls": URLS, "output": None, "error": None, **fields})


SPECIMEN: Final = Specimen(
    model="topazlabs/image-upscale",
    params={"image": "https://example.com/photo.png", "upscale_factor": 2},
    job_id=ID,
    submitted=_prediction("starting"),
    running=_prediction("processing", logs=" 46%|####6     | 23/50 [00:02<00:02, 11.0it/s]\n"),
    word="processing",
    finished=_prediction("succeeded", output=["https://replicate.delivery/pbxt/9inf36/out-0.png"]),
    failed=_prediction("failed", error="CUDA out of memory"),
    emptied=_prediction("succeeded", output=[]),
)
