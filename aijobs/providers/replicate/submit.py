"""The answer to a create at Replicate, with the message of its problem document."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from aijobs.adapters.network.http_client import MAX_RETRY_AFTER, HttpReply, retry_after
from aijobs.domain.jobs.submissions import Ref
from aijobs.providers.replicate.prediction import prediction_in
from aijobs.providers.replicate.urls import RefOf
from aijobs.providers.submit_outcomes import USUAL_STATUSES, ErrorTable, SubmitDialect, SubmitVerdict

#: A model that there is may be answered with 404 for a moment.
ERRORS: Final = ErrorTable(statuses={**USUAL_STATUSES, 404: SubmitVerdict.ONCE_MORE})

_RESETS_IN: Final = re.compile(r"resets in ~?(\d{1,6})s")


def dialect(ref_of: RefOf) -> SubmitDialect:
    """`ref_of` makes a reference from the prediction's `id` and `urls`.

    Only the id is used: the status in a create's answer may be out of date, and the output incomplete.
    """

    def ref_in(answer: Mapping[str, Any]) -> Ref | None:
        prediction = prediction_in(answer)
        return ref_of(prediction.id, prediction.urls) if prediction else None

    return SubmitDialect(label="Replicate", ref_in=ref_in, errors=ERRORS, message_in=_message_in, wait_in=_wait_in)


def _message_in(problem: Mapping[str, Any]) -> str | None:
    """The message of a problem document, with each invalid field."""
    fields = problem.get("invalid_fields")
    messages = [_field(field) for field in fields if isinstance(field, dict)] if isinstance(fields, list) else []
    message = "; ".join(messages) or problem.get("detail") or problem.get("title")
    return str(message) if message else None


def _field(field: dict[str, Any]) -> str:
    return f"{field.get('field', 'input')}: {field.get('description') or field.get('type')}"


def _wait_in(reply: HttpReply) -> timedelta | None:
    """Replicate has used four formats over the years."""
    problem = reply.document() or {}
    seconds = problem.get("retry_after")
    reset = _RESETS_IN.search(str(problem.get("detail", "")))
    if "retry-after" not in reply.headers:
        if isinstance(seconds, int | float) and seconds > 0:
            return timedelta(seconds=min(seconds, MAX_RETRY_AFTER.total_seconds()))
        if reset:
            return timedelta(seconds=int(reset[1]))
    return retry_after(reply.headers)
