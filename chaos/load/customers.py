"""Customers: each orders its job until it is answered, some change their minds, some follow it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx

from chaos.load.readers import StreamReader
from chaos.observations import CustomerObservation, Observations, StreamObservation
from chaos.plan import CustomerOrder, StormPlan
from chaos.stack import photos
from chaos.stack.stack import ChaosStack

ANSWER_PATIENCE: Final = 8.0
AT_ONCE: Final = 64
"""Requests under way; what comes in the way of more is not the system's fault."""

PAUSE: Final = (0.2, 1.5)

ACCEPTED: Final = 202
IN_FLIGHT: Final = 409
"""To an order: the first request with the key is still under way. To a cancel: the job has ended."""


class Customers:
    """All of them, behind one client."""

    def __init__(self, plan: StormPlan, stack: ChaosStack, witness: Observations) -> None:
        self._plan = plan
        self._stack = stack
        self._witness = witness
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def order(self, orders: list[CustomerOrder]) -> None:
        """Until the last of them is answered and the last stream is over."""
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        headers = {"Authorization": f"Bearer {self._stack.key}"}
        async with (
            httpx.AsyncClient(
                base_url=self._stack.url, headers=headers, timeout=ANSWER_PATIENCE, limits=limits, trust_env=False
            ) as http,
            asyncio.TaskGroup() as customers,
        ):
            for order in orders:
                account = self._witness.accounts[order.key] = CustomerObservation(user=order.user)
                customers.create_task(self._live(http, order, account))

    async def _live(self, http: httpx.AsyncClient, order: CustomerOrder, account: CustomerObservation) -> None:
        dice = self._plan.dice(f"customer {order.number}")
        await asyncio.sleep(order.at)
        body = {
            "model_id": order.model,
            "user_id": order.user,
            "params": await self._params(http, order, dice, account),
        }

        async def post() -> httpx.Response:
            account.tries += 1
            return await http.post("/api/jobs", json=body, headers={"Idempotency-Key": order.key})

        answer = await self._answer(post, dice, account, again=IN_FLIGHT)
        if answer.status_code != ACCEPTED:
            account.refusal = answer.status_code
            return
        account.codes.append(answer.json()["code"])
        async with asyncio.TaskGroup() as afterwards:
            if order.is_followed:
                afterwards.create_task(self._follow(http, order, account.codes[0]))
            if order.canceled_after is not None:
                afterwards.create_task(self._cancel(http, order, account, order.canceled_after, dice))
            if order.is_repeated:
                again = await self._answer(post, dice, account, again=IN_FLIGHT)
                account.codes.append(again.json().get("code", f"HTTP {again.status_code}"))

    async def _params(
        self, http: httpx.AsyncClient, order: CustomerOrder, dice: random.Random, account: CustomerObservation
    ) -> dict[str, Any]:
        if not order.is_uploaded:
            return {"image": photos.address(self._stack.photos_port, order.number, order.mischief)}
        content = photos.photo(order.number)

        async def post() -> httpx.Response:
            files = {"file": (f"{order.number}.jpg", content)}
            return await http.post("/api/files", files=files, headers={"Aijobs-User": order.user})

        answer = await self._answer(post, dice, account)
        return {"image": answer.json()["code"]}

    async def _answer(
        self,
        send: Callable[[], Awaitable[httpx.Response]],
        dice: random.Random,
        account: CustomerObservation,
        *,
        again: int | None = None,
    ) -> httpx.Response:
        """The first answer that is one: neither a 5xx nor the status `again`. However long it takes."""
        while True:
            try:
                async with self._slots:
                    answer = await send()
                if answer.status_code != again and not answer.is_server_error:
                    return answer
                trouble = f"HTTP {answer.status_code}"
            except httpx.TransportError as broken:
                trouble = type(broken).__name__
            account.troubles[trouble] = account.troubles.get(trouble, 0) + 1
            await asyncio.sleep(dice.uniform(*PAUSE))

    async def _cancel(
        self,
        http: httpx.AsyncClient,
        order: CustomerOrder,
        account: CustomerObservation,
        after: float,
        dice: random.Random,
    ) -> None:
        code = account.codes[0]
        await asyncio.sleep(after)

        async def post() -> httpx.Response:
            wish = {"reason": "Changed my mind."}
            return await http.post(f"/api/jobs/{code}/cancel", json=wish, headers={"Aijobs-User": order.user})

        self._witness.cancels[code] = (await self._answer(post, dice, account)).status_code

    async def _follow(self, http: httpx.AsyncClient, order: CustomerOrder, code: str) -> None:
        reading = StreamObservation(code=code)
        self._witness.readings.append(reading)
        await StreamReader(http, order.user, reading, self._plan.dice(f"reader {order.number}")).read()
