"""All predictions of the sandbox: stored, found, listed in pages, erased after the retention."""

import asyncio
import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from sandbox.clock import NANOSECONDS, now_ns
from sandbox.context import SandboxContext
from sandbox.faults.catalogue import Fault
from sandbox.faults.fault_board import Faults
from sandbox.output_host import blob_name
from sandbox.pictures.upscaling import MEDIA_TYPES
from sandbox.vendors.replicate.errors import not_found
from sandbox.vendors.replicate.prediction import Prediction, output_name
from sandbox.vendors.replicate.response import document_of

KIND: Final = "replicate.predictions"
MOST_OUTPUTS: Final = 4
NO_FAULTS: Final = Faults()


@dataclass(frozen=True, kw_only=True)
class PredictionPage:
    """A page of a list, with the cursors of the next and the previous page."""

    items: Sequence[Prediction]
    next_cursor: str | None
    previous_cursor: str | None


class PredictionStore:
    """The predictions, persistent over restarts."""

    def __init__(self, context: SandboxContext) -> None:
        self._context = context
        stored = [Prediction.model_validate_json(body) for body in context.archive.all(KIND)]
        self._predictions = {one.id: one for one in sorted(stored, key=lambda one: one.created_ns)}

    def __iter__(self) -> Iterator[Prediction]:
        return iter(tuple(self._predictions.values()))

    def save(self, prediction: Prediction) -> None:
        """The prediction is durable when this returns."""
        self._predictions[prediction.id] = prediction
        self._context.archive.put(KIND, prediction.id, prediction.model_dump_json())

    async def find(self, prediction_id: str) -> Prediction:
        """Raises Refusal (404)."""
        prediction = self._predictions.get(prediction_id)
        if prediction is None:
            raise not_found()
        await self._erase_if_due(prediction)
        return prediction

    async def erase_all_due(self) -> None:
        for prediction in self:
            await self._erase_if_due(prediction)

    def clear(self) -> None:
        self._predictions.clear()
        self._context.archive.clear(KIND)

    def runs_of(self, model: str) -> int:
        return sum(one.model == model for one in self)

    def document(self, prediction: Prediction, faults: Faults = NO_FAULTS) -> dict[str, Any]:
        """The prediction as JSON, with a renewed link, and changed by its faults."""
        context = self._context
        prediction.renew_link(ttl_ns=int(context.config.link_ttl.total_seconds() * NANOSECONDS))
        in_force = context.board.faults_of(prediction.id) | faults
        return document_of(prediction, faults=in_force, links=context.links, base_url=context.config.base_url)

    async def page(
        self, *, matches: Callable[[Prediction], bool], cursor: str | None, faults: Faults
    ) -> PredictionPage:
        """Newest first; a cursor is the first prediction of its page. Raises Refusal (404) for an unknown cursor."""
        await self.erase_all_due()
        listed = [one for one in self if matches(one) and not self._is_hidden(one, faults)][::-1]
        size = self._context.config.page_size
        start = _position(cursor, listed)
        end = start + size
        return PredictionPage(
            items=listed[start:end],
            next_cursor=_cursor(listed[end]) if end < len(listed) else None,
            previous_cursor=_cursor(listed[max(0, start - size)]) if start > 0 else None,
        )

    def _is_hidden(self, prediction: Prediction, faults: Faults) -> bool:
        in_force = self._context.board.faults_of(prediction.id) | faults
        age = (now_ns() - prediction.created_ns) / NANOSECONDS
        return Fault.LIST_LAG in in_force and age < in_force.seconds(Fault.LIST_LAG)

    async def _erase_if_due(self, prediction: Prediction) -> None:
        if prediction.data_removed or not self._is_due(prediction):
            return
        prediction.erase()
        self.save(prediction)
        for ending in MEDIA_TYPES:  # canceled work may have left files as well
            for number in (None, *range(MOST_OUTPUTS)):
                name = blob_name(prediction.id, output_name(ending, number))
                await asyncio.to_thread(self._context.blobs.remove, name)

    def _is_due(self, prediction: Prediction) -> bool:
        if prediction.completed_ns is None:
            return False
        if Fault.OUTPUT_ERASED in self._context.board.faults_of(prediction.id):
            return True
        age = (now_ns() - prediction.completed_ns) / NANOSECONDS
        return age >= self._context.config.retention.total_seconds()


def page_url(base_url: str, cursor: str | None, filters: dict[str, str]) -> str | None:
    return cursor and f"{base_url}/v1/predictions?{urlencode({**filters, 'cursor': cursor})}"


def _cursor(first: Prediction) -> str:
    return base64.urlsafe_b64encode(f"p={first.id}".encode()).decode()


def _position(cursor: str | None, listed: Sequence[Prediction]) -> int:
    if cursor is None:
        return 0
    try:
        first = base64.urlsafe_b64decode(cursor).decode().removeprefix("p=")
    except (binascii.Error, UnicodeDecodeError) as garbled:
        raise not_found() from garbled
    for position, prediction in enumerate(listed):
        if prediction.id == first:
            return position
    raise not_found()
