"""Customers: each repeats its order until it is answered; some cancel, some read the event stream."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx

from chaos.load.readers import StreamReader
from chaos.observations import CustomerObservation, FailedRequest, Observations, StreamObservation
from chaos.plan import CustomerOrder, StormPlan
from chaos.stack import photo_server
from chaos.stack.stack import ObservedStack

RESPONSE_TIMEOUT: Final = 8.0
MAX_CONCURRENT: Final = 64
"""Concurrent requests. More would only measure this process."""

PAUSE: Final = (0.2, 1.5)

ACCEPTED: Final = 202
IN_FLIGHT: Final = 409
"""To an order: the first request with the key is still under way. To a cancel: the job has ended."""


class Customers:
    """All customers of a run, with one HTTP client."""

    def __init__(self, plan: StormPlan, stack: ObservedStack, observations: Observations) -> None:
        self._plan = plan
        self._stack = stack
        self._observations = observations
        self._slots = asyncio.Semaphore(MAX_CONCURRENT)

    async def order(self, orders: list[CustomerOrder]) -> None:
        """Place all orders. Returns when the last is answered and the last stream is over."""
        async with self._client() as http, asyncio.TaskGroup() as customers:
            for order in orders:
                account = self._observations.accounts[order.key] = CustomerObservation(user=order.user)
                customers.create_task(self._place_order(http, order, account))

    def _client(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        headers = {"Authorization": f"Bearer {self._stack.key}"}
        return httpx.AsyncClient(
            base_url=self._stack.url, headers=headers, timeout=RESPONSE_TIMEOUT, limits=limits, trust_env=False
        )

    async def _place_order(self, http: httpx.AsyncClient, order: CustomerOrder, account: CustomerObservation) -> None:
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

        answers = await asyncio.gather(
            *(self._response_to(post, dice, account, retry_status=IN_FLIGHT) for _ in range(1 + order.is_doubled))
        )
        account.codes += [answer.json()["code"] for answer in answers if answer.status_code == ACCEPTED]
        if not account.codes:
            account.refusal = answers[0].status_code
            return
        async with asyncio.TaskGroup() as follow_ups:
            if order.is_followed:
                follow_ups.create_task(self._follow(http, order, account.codes[0]))
            if order.canceled_after is not None:
                follow_ups.create_task(self._cancel(http, order, account, order.canceled_after, dice))
            if order.is_repeated:
                repeated = await self._response_to(post, dice, account, retry_status=IN_FLIGHT)
                account.codes.append(repeated.json().get("code", f"HTTP {repeated.status_code}"))

    async def _params(
        self, http: httpx.AsyncClient, order: CustomerOrder, dice: random.Random, account: CustomerObservation
    ) -> dict[str, Any]:
        if not order.is_uploaded:
            return {"image": photo_server.address(self._stack.photos, order.number, order.fault)}
        content = photo_server.photo(order.number)

        async def post() -> httpx.Response:
            files = {"file": (f"{order.number}.jpg", content)}
            return await http.post("/api/files", files=files, headers={"Aijobs-User": order.user})

        response = await self._response_to(post, dice, account)
        return {"image": response.json()["code"]}

    async def _response_to(
        self,
        send: Callable[[], Awaitable[httpx.Response]],
        dice: random.Random,
        account: CustomerObservation,
        *,
        retry_status: int | None = None,
    ) -> httpx.Response:
        """The first response that is neither a 5xx nor `retry_status`. Retries without a limit."""
        while True:
            response = await self._response_or_failure(send, account, retry_status)
            if response is not None:
                return response
            await asyncio.sleep(dice.uniform(*PAUSE))

    async def _response_or_failure(
        self, send: Callable[[], Awaitable[httpx.Response]], account: CustomerObservation, retry_status: int | None
    ) -> httpx.Response | None:
        """None after a broken connection, a 5xx or `retry_status`, which are noted."""
        began = time.monotonic()
        try:
            async with self._slots:
                began = time.monotonic()
                response = await send()
            if response.status_code != retry_status and not response.is_server_error:
                return response
            failure = f"HTTP {response.status_code}"
        except httpx.TransportError as broken:
            failure = type(broken).__name__
        account.failures[failure] = account.failures.get(failure, 0) + 1
        self._observations.failed.append(FailedRequest(began=began, ended=time.monotonic(), failure=failure))
        return None

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
            body = {"reason": "Changed my mind."}
            return await http.post(f"/api/jobs/{code}/cancel", json=body, headers={"Aijobs-User": order.user})

        self._observations.cancels[code] = (await self._response_to(post, dice, account)).status_code

    async def _follow(self, http: httpx.AsyncClient, order: CustomerOrder, code: str) -> None:
        reading = StreamObservation(code=code)
        self._observations.readings.append(reading)
        await StreamReader(http, order.user, reading, self._plan.dice(f"reader {order.number}")).read()
