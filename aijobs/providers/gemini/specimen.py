"""One operation, as Google's documents show it."""

import json
from typing import Any, Final

from aijobs.providers.package import Specimen

NAME: Final = "models/veo-3.1-generate-preview/operations/idjyu0s8c2x4"
ABOUT: Final = "type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningMetadata"
FILTERED: Final = "Veo could not generate videos because the input violates the policies. You will not be charged."


def _operation(**fields: Any) -> str:
    return json.dumps({"name": NAME, **fields})


def _done(**response: Any) -> str:
    return _operation(done=True, response={"generateVideoResponse": response})


def _sample(name: str) -> dict[str, Any]:
    return {"video": {"uri": f"$URL/v1beta/files/{name}:download?alt=media"}}


SPECIMEN: Final = Specimen(
    model="veo-3.1-generate-preview",
    params={"prompt": "a lighthouse at dusk"},
    job_id=NAME,
    submitted=_operation(),
    running=_operation(metadata={"@type": ABOUT}),
    word=ABOUT,  # there is no word for the status
    finished=_done(generatedSamples=[_sample("kpq1")]),
    failed=_operation(done=True, error={"code": 13, "message": "The video could not be generated."}),
    emptied=_done(raiMediaFilteredCount=1, raiMediaFilteredReasons=[FILTERED]),
    shapes=(
        (_done(generatedSamples=[_sample("kpq1"), _sample("kpq2")]), 2),
        (_done(generatedSamples=[{"video": {"uri": "$URL/v1beta/files/kpq1"}}], raiMediaFilteredCount=1), 1),
    ),
)
