"""Finding a prediction whose create got no response.

Replicate lists recent predictions with their inputs, running ones too, until an hour after their end. Ours is the one
that contains the submission's token, or else the only one with exactly the same input.
"""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from aijobs.domain.jobs.submissions import Found, Ref, Search, Submission
from aijobs.providers.replicate.prediction import Prediction, prediction_in
from aijobs.providers.replicate.urls import RefOf

WINDOW: Final = timedelta(hours=1)  #: inputs are erased no earlier than this after the intent
CLOCK_SKEW: Final = timedelta(minutes=5)  #: between Replicate's clock and ours
CREATED_WITHIN: Final = timedelta(minutes=10)  #: of the intent; a send times out long before

#: How long a missing prediction may still appear. The list may lag behind, so this is the longest duration of a send
#: plus two and a half minutes.
SETTLED_AFTER: Final = timedelta(minutes=4)


class ReconcileScan:
    """Searches the pages of a list for the prediction of one submission."""

    def __init__(self, submission: Submission, *, known_ids: frozenset[str], ref_of: RefOf) -> None:
        self._submission = submission
        self._known_ids = known_ids
        self._ref_of = ref_of
        self._marked: Ref | None = None
        self._same_input: list[Ref] = []
        self._erased = False

    @property
    def is_certain(self) -> bool:
        return self._marked is not None

    def add_page(self, page: Iterable[Any]) -> None:
        for item in page:
            prediction = prediction_in(item)
            if prediction is not None and prediction.id not in self._known_ids:
                self._consider(prediction)

    def result(self, *, complete: bool, now: datetime) -> Found | Search:
        """`complete` tells whether the list was read to its end. Two predictions with the same input prove nothing."""
        if self._marked is not None:
            return Found(self._marked)
        if complete and len(self._same_input) == 1:
            return Found(self._same_input[0])
        if now > self._submission.intent_at + WINDOW:
            return Search.IMPOSSIBLE
        nothing_left_out = complete and not self._same_input and not self._erased
        if nothing_left_out and now > self._submission.intent_at + SETTLED_AFTER:
            return Search.ABSENT
        return Search.NOT_YET

    def _consider(self, prediction: Prediction) -> None:
        ref = self._ref_of(prediction.id, prediction.urls)
        if self._submission.token in f"{json.dumps(prediction.input)} {prediction.webhook}":
            self._marked = ref
        elif self._could_be_ours(prediction):
            if prediction.data_removed or not prediction.input:
                self._erased = True
            elif prediction.input == self._submission.request.body.get("input"):
                self._same_input.append(ref)

    def _could_be_ours(self, prediction: Prediction) -> bool:
        """Not from the web page, not with another webhook, not from before the intent."""
        earliest = self._submission.intent_at - CLOCK_SKEW
        in_time = prediction.created_at is None or prediction.created_at >= earliest
        requested = self._submission.request.body.get("webhook")
        same_webhook = prediction.webhook is None or prediction.webhook == requested
        return in_time and same_webhook and prediction.source != "web"
