"""Customers of batches: each sends its batch until it is answered, or once, and does not know what became of it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx

from chaos.load.customers import ACCEPTED, IN_FLIGHT, Customers
from chaos.observations import BatchObservation
from chaos.plan import BatchOrder
from chaos.stack import photo_server


class BatchCustomers(Customers):
    """All customers of batches in a run."""

    async def order_batches(self, orders: Sequence[BatchOrder]) -> None:
        """Send all batches. Returns when the last is answered; what was accepted goes on."""
        async with self._client() as http, asyncio.TaskGroup() as customers:
            for order in orders:
                account = self._observations.batches[order.key] = self._account(order)
                customers.create_task(self._place_batch(http, order, account))

    def _account(self, order: BatchOrder) -> BatchObservation:
        images = [
            photo_server.address(self._stack.photos, order.photo(row), fault) for row, fault in enumerate(order.faults)
        ]
        return BatchObservation(user="", is_keyed=order.is_keyed, users=list(order.users), images=images)

    async def _place_batch(self, http: httpx.AsyncClient, order: BatchOrder, account: BatchObservation) -> None:
        dice = self._plan.dice(f"batch customer {order.number}")
        await asyncio.sleep(order.at)
        body, headers = _body(order, account), {"Idempotency-Key": order.key} if order.is_keyed else {}

        async def post() -> httpx.Response:
            account.tries += 1
            return await http.post("/api/batches", json=body, headers=headers)

        if not order.is_keyed:
            response = await self._response_or_failure(post, account, None)
            _note(account, [] if response is None else [response])
            return
        for times in (1 + order.is_doubled, int(order.is_repeated)):
            answers = (self._response_to(post, dice, account, retry_status=IN_FLIGHT) for _ in range(times))
            _note(account, await asyncio.gather(*answers))


def _body(order: BatchOrder, account: BatchObservation) -> dict[str, Any]:
    sent = zip(account.users, account.images, strict=True)
    return {
        "model_id": order.model,
        "metadata": {"order": order.key},
        "concurrency": order.concurrency,
        "reserve": order.reserve,
        "rows": [{"user_id": user, "params": {"image": image}} for user, image in sent],
    }


def _note(account: BatchObservation, answers: Sequence[httpx.Response]) -> None:
    for answer in answers:
        if answer.status_code == ACCEPTED:
            account.codes.append(answer.json()["code"])
        else:
            account.refusal = answer.status_code
