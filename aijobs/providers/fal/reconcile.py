"""Finding a request whose submit got no answer.

fal lists what has finished at an endpoint, with its input, and nothing that waits or runs. Ours is the one whose input
contains the submission's token, or else the only one with exactly the same input. Absence is never proven.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from aijobs.domain.jobs.submissions import Search, Submission

WINDOW: Final = timedelta(hours=24)
CLOCK_SKEW: Final = timedelta(minutes=5)
MAX_PAGES: Final = 50


class FinishedScan:
    """Searches the pages of a list for the request of one submission."""

    def __init__(self, submission: Submission, *, known_ids: frozenset[str]) -> None:
        self._submission, self._known_ids = submission, known_ids
        self._same_input: list[str] = []
        self.marked: str | None = None  #: the id of the one with the token

    def add_page(self, items: Iterable[Any]) -> None:
        for item in items:
            if isinstance(item, dict) and isinstance(item.get("request_id"), str):
                self._consider(item["request_id"], item.get("json_input"))

    def result(self, *, complete: bool, now: datetime) -> str | Search:
        """The id that was found. Two requests with the same input prove nothing."""
        if self.marked is not None:
            return self.marked
        if complete and len(self._same_input) == 1:
            return self._same_input[0]
        return Search.IMPOSSIBLE if now > self._submission.intent_at + WINDOW else Search.NOT_YET

    def _consider(self, request_id: str, sent: Mapping[str, Any] | None) -> None:
        if request_id in self._known_ids or not isinstance(sent, dict):
            return
        if self._submission.token in json.dumps(sent):
            self.marked = request_id
        elif sent == self._submission.request.body:
            self._same_input.append(request_id)
