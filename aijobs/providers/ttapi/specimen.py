"""One job of Midjourney, as TTAPI's documents have it."""

import json
from typing import Any, Final

from aijobs.providers.package import Specimen

ID: Final = "da2b1fda-0455-4952-9f0e-d4cb891f8b1e"


def _job(status: str, message: str = "", **data: Any) -> str:
    return json.dumps({"status": status, "message": message, "jobId": ID, "data": {"jobId": ID, **data}})


SPECIMEN: Final = Specimen(
    model="midjourney-v7",
    params={"prompt": "a lighthouse at dusk"},
    job_id=ID,
    submitted=json.dumps({"status": "SUCCESS", "message": "success", "data": {"jobId": ID}}),
    running=_job("ON_QUEUE", progress="46%"),
    word="ON_QUEUE",
    finished=_job("SUCCESS", progress="100", cdnImage="https://cdn.ttapi.io/grid.png", images=[]),
    failed=_job("FAILED", "Banned prompt."),
    emptied=_job("SUCCESS", progress="100", cdnImage=None, images=[]),
)
