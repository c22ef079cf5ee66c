"""One response in the background, as OpenAI's documents tell it."""

import json
from typing import Any, Final

from aijobs.domain.jobs.submissions import CancelOutcome
from aijobs.providers.package import Specimen, standard_webhook

ID: Final = "resp_67cb71b351908190a308f3859487620d06981a8637e6bc44"
CONVERSATION: Final = "conv_689667905b048191b4740501625afd940c7533ace33a2dab"
PICTURE: Final = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "iVBORw0KGgo="}


def _said(text: str, kind: str = "output_text") -> dict[str, Any]:
    part = {"type": kind, "refusal" if kind == "refusal" else "text": text}
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}


def _response(status: str, **fields: Any) -> str:
    return json.dumps({"id": ID, "object": "response", "status": status, "background": True, "output": [], **fields})


SPECIMEN: Final = Specimen(
    model="gpt-5-mini",
    params={"prompt": "Name this dish."},
    job_id=ID,
    submitted=_response("queued"),
    running=_response("in_progress"),
    word="in_progress",
    finished=_response("completed", output=[_said("Mapo tofu.")]),
    failed=_response("failed", error={"code": "server_error", "message": "The model has failed."}),
    emptied=_response("completed"),
    shapes=(
        (_response("completed", output=[PICTURE]), 1),
        (_response("completed", output=[{"type": "reasoning", "summary": []}, PICTURE, PICTURE]), 2),
        (_response("completed", output=[_said('{"dish": 1}')], text={"format": {"type": "json_schema"}}), 1),
    ),
    cancels={
        CancelOutcome.CANCELED: (200, _response("cancelled")),
        CancelOutcome.REQUESTED: (200, _response("in_progress")),
        CancelOutcome.TOO_LATE: (200, _response("completed", output=[_said("Mapo tofu.")])),
    },
    webhooks=[standard_webhook(json.dumps({"id": "evt_1", "type": "response.completed", "data": {"id": ID}}))],
    listed=json.dumps({"object": "list", "data": [_said("Mapo tofu.")], "has_more": False}),
    found_id=CONVERSATION,
    prepared={"conversation": CONVERSATION},
)
