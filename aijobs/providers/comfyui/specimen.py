"""One prompt, as ComfyUI's source writes it."""

import json
from typing import Any, Final

from aijobs.domain.jobs.submissions import CancelOutcome
from aijobs.providers.package import Answer, Specimen

#: The id that the conformance suite's token gives.
ID: Final = "4d973b28-c2c9-4d77-a187-59b338caeeec"
SENT: Final = [7, ID, {}, {"client_id": "aijobs"}, ["9"]]
PICTURE: Final = {"filename": "aijobs_00001_.png", "subfolder": "", "type": "output"}
IDLE: Final = json.dumps({"queue_running": [], "queue_pending": []})
RUNNING: Final = json.dumps({"queue_running": [SENT], "queue_pending": [[8, "another", {}, {}, ["9"]]]})


def _ended(outputs: dict[str, Any], word: str, *messages: tuple[str, dict[str, Any]]) -> Answer:
    status = {"status_str": word, "completed": word == "success", "messages": messages}
    entry = {"prompt": SENT, "outputs": outputs, "status": status, "meta": {}}
    return {"/queue": IDLE, "": json.dumps({ID: entry})}


def _finished(**outputs: Any) -> Answer:
    return _ended(outputs, "success", ("execution_success", {"prompt_id": ID}))


FAILURE: Final = {"prompt_id": ID, "node_id": "3", "node_type": "KSampler", "exception_message": "CUDA out of memory"}

SPECIMEN: Final = Specimen(
    model="text_to_image",
    params={"prompt": "a lighthouse at dusk"},
    job_id=ID,
    submitted=json.dumps({"prompt_id": ID, "number": 7, "node_errors": {}}),
    running={"/queue": RUNNING, "": "{}"},
    word=ID,  # a queue has no words: it has our prompt, or it has not
    finished=_finished(**{"9": {"images": [PICTURE]}}),
    failed=_ended({}, "error", ("execution_start", {}), ("execution_error", FAILURE)),
    emptied=_finished(),
    shapes=(
        (_finished(**{"9": {"images": [PICTURE, PICTURE | {"filename": "b.png", "subfolder": "a b"}]}}), 2),
        (_finished(**{"8": {"images": [PICTURE | {"type": "temp"}]}, "9": {"images": [PICTURE]}}), 1),
        (_finished(**{"8": {"images": [PICTURE | {"type": "temp"}]}}), 1),
        (_finished(**{"9": {"gifs": [PICTURE | {"filename": "a.mp4"}], "animated": [True]}}), 1),
        (_finished(**{"9": {"text": ["a lighthouse"]}}), 1),
    ),
    cancels={
        CancelOutcome.CANCELED: (200, {"/queue": IDLE, "": "{}"}),
        CancelOutcome.REQUESTED: (200, {"/queue": RUNNING, "": "{}"}),
        CancelOutcome.TOO_LATE: (200, _finished(**{"9": {"images": [PICTURE]}})),
    },
    listed={"/queue": RUNNING, "": "{}"},
)
