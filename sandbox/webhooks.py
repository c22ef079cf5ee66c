"""Telling callers: signed webhooks (Standard Webhooks), in order, with retries for the last word."""

import asyncio
import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
from pydantic import BaseModel
from standardwebhooks.webhooks import Webhook

from sandbox.clock import ClosingEvent
from sandbox.faults.catalogue import Fault, Operation
from sandbox.faults.fault_board import FaultBoard, Faults
from sandbox.ids import new_id
from sandbox.persistence.archive import Archive

KIND: Final = "letters"
TRIES: Final = 10
TRIES_UNSIGNED: Final = 3  # who does not sign gives up sooner, and takes nothing but 200 for an arrival
FIRST_PAUSE: Final = 0.1  # doubles: ten tries take a little less than a minute
PATIENCE: Final = 10.0
AN_HOUR: Final = timedelta(hours=1)
WRONG_SECRET: Final = "whsec_" + "bm90IHRoZSBzZWNyZXQgb2YgdGhpcyBhY2NvdW50"


class WebhookLetter(BaseModel):
    """One webhook on its way."""

    id: str
    owner: str
    url: str
    body: str
    final: bool
    secret: str
    age: timedelta = timedelta()
    copies: int = 1
    signed: bool = True

    def headers(self) -> dict[str, str]:
        if not self.signed:
            return {"content-type": "application/json"}
        moment = datetime.now(UTC) - self.age
        return {
            "content-type": "application/json",
            "webhook-id": self.id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(self.secret).sign(self.id, moment, self.body),
        }


class Webhooks:
    """The letters of one owner leave one after the other; a final one is kept until it arrived or all tries failed."""

    def __init__(
        self, *, archive: Archive, board: FaultBoard, http: httpx.AsyncClient, secret: str, closing: ClosingEvent
    ) -> None:
        self._archive = archive
        self._board = board
        self._http = http
        self._secret = secret
        self._closing = closing
        self._last: dict[str, asyncio.Task[None]] = {}
        self._held: dict[str, list[WebhookLetter]] = {}
        self._awaited: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def secret(self) -> str:
        return self._secret

    def resume(self) -> None:
        """Send what an earlier life of this sandbox left behind."""
        for body in self._archive.all(KIND):
            self._dispatch(WebhookLetter.model_validate_json(body))

    def send(self, *, owner: str, url: str, body: str, final: bool, signed: bool = True) -> None:
        faults = Faults(self._board.take(Operation.WEBHOOK) + self._board.take(Operation.WEBHOOK, owner))
        if Fault.WEBHOOK_NONE in faults:
            return
        letter = WebhookLetter(
            id=f"msg_{new_id()}",
            owner=owner,
            url=url,
            body=body,
            final=final,
            secret=WRONG_SECRET if Fault.WEBHOOK_FORGED in faults else self._secret,
            age=AN_HOUR if Fault.WEBHOOK_OLD in faults else timedelta(),
            copies=2 if Fault.WEBHOOK_DUPLICATE in faults else 1,
            signed=signed,
        )
        if Fault.WEBHOOK_OUT_OF_ORDER in faults and not final:
            self._held.setdefault(owner, []).append(letter)
            return
        if final:
            self._archive.put(KIND, letter.id, letter.model_dump_json())
        self._dispatch(letter)
        for late in self._held.pop(owner, []) if final else []:
            self._dispatch(late)

    async def first_delivered(self, owner: str) -> None:
        """Wait until this owner's first letter was delivered, or cannot be expected any more."""
        delivered = self._awaited.setdefault(owner, asyncio.Event())
        with suppress(TimeoutError):
            await asyncio.wait_for(delivered.wait(), PATIENCE)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def reset(self) -> None:
        await self.stop()
        self._held.clear()
        self._archive.clear(KIND)

    def _dispatch(self, letter: WebhookLetter) -> None:
        task = asyncio.create_task(self._deliver_after(self._last.get(letter.owner), letter))
        self._last[letter.owner] = task
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._forget(letter.owner, done))

    def _forget(self, owner: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._last.get(owner) is task:
            del self._last[owner]

    async def _deliver_after(self, previous: asyncio.Task[None] | None, letter: WebhookLetter) -> None:
        if previous is not None:
            await asyncio.wait({previous})
        for _ in range(letter.copies):
            await self._deliver(letter)
        if letter.owner in self._awaited:
            self._awaited.pop(letter.owner).set()
        if letter.final and not self._closing.begun:
            self._archive.remove(KIND, letter.id)

    async def _deliver(self, letter: WebhookLetter) -> None:
        pause = FIRST_PAUSE
        tries = TRIES if letter.signed else TRIES_UNSIGNED
        for _ in range(tries if letter.final else 1):
            if await self._post(letter) or self._closing.begun:
                return
            await self._closing.sleep(pause * (1 + secrets.randbelow(10) / 100))
            pause *= 2

    async def _post(self, letter: WebhookLetter) -> bool:
        """Whether another try would be pointless: it arrived, or was refused for good."""
        try:
            answer = await self._http.post(
                letter.url, content=letter.body.encode(), headers=letter.headers(), timeout=PATIENCE
            )
        except (httpx.HTTPError, httpx.InvalidURL):
            return False
        if not letter.signed:
            return answer.status_code == httpx.codes.OK
        return answer.status_code != httpx.codes.TOO_MANY_REQUESTS and not answer.is_server_error
