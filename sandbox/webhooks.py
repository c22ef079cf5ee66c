"""Sending webhooks: signed (Standard Webhooks), in order per owner, with retries for the final one."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
from pydantic import BaseModel
from standardwebhooks.webhooks import Webhook

from sandbox.clock import ClosingEvent
from sandbox.faults.catalogue import Fault, Operation
from sandbox.faults.fault_board import FaultBoard, Faults
from sandbox.ids_and_links import new_id
from sandbox.persistence.archive import Archive

KIND: Final = "letters"
ATTEMPTS: Final = 10
ATTEMPTS_UNSIGNED: Final = 3  # of an unsigned webhook: only HTTP 200 counts as delivered
FIRST_PAUSE: Final = 0.1  # seconds; doubles: ten attempts take a little less than a minute
TIMEOUT_SECONDS: Final = 10.0
ONE_HOUR: Final = timedelta(hours=1)
WRONG_SECRET: Final = "whsec_" + "bm90IHRoZSBzZWNyZXQgb2YgdGhpcyBhY2NvdW50"


#: Makes headers: (body, time of the signature, whether it is to be a forgery) -> headers.
Sign = Callable[[str, datetime, bool], dict[str, str]]


class QueuedWebhook(BaseModel):
    """One webhook to be delivered."""

    id: str
    owner: str
    url: str
    body: str
    final: bool
    secret: str
    age: timedelta = timedelta()
    copies: int = 1
    signed: bool = True
    credentials: dict[str, str] = {}  #: headers by which an unsigned one is known
    vendor_headers: dict[str, str] | None = None  #: of a vendor that signs in a way of its own

    def headers(self) -> dict[str, str]:
        if self.vendor_headers is not None:
            return {"content-type": "application/json", **self.vendor_headers}
        if not self.signed:
            return {"content-type": "application/json", **self.credentials}
        signed_at = datetime.now(UTC) - self.age
        return {
            "content-type": "application/json",
            "webhook-id": self.id,
            "webhook-timestamp": str(int(signed_at.timestamp())),
            "webhook-signature": Webhook(self.secret).sign(self.id, signed_at, self.body),
        }


class Webhooks:
    """Delivers the webhooks of an owner one after the other; a final one is stored until delivered or given up."""

    def __init__(
        self, *, archive: Archive, board: FaultBoard, http: httpx.AsyncClient, secret: str, closing: ClosingEvent
    ) -> None:
        self._archive = archive
        self._board = board
        self._http = http
        self._secret = secret
        self._closing = closing
        self._last: dict[str, asyncio.Task[None]] = {}
        self._held: dict[str, list[QueuedWebhook]] = {}
        self._awaited: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def secret(self) -> str:
        return self._secret

    def resume(self) -> None:
        """Send the webhooks that an earlier process has not delivered."""
        for body in self._archive.all(KIND):
            self._dispatch(QueuedWebhook.model_validate_json(body))

    def send(
        self,
        *,
        owner: str,
        url: str,
        body: str,
        final: bool,
        signed: bool = True,
        credentials: Mapping[str, str] | None = None,
        sign: Sign | None = None,
    ) -> None:
        """`sign` makes the headers of a vendor that signs in a way of its own."""
        faults = Faults(self._board.take(Operation.WEBHOOK) + self._board.take(Operation.WEBHOOK, owner))
        if Fault.WEBHOOK_NONE in faults:
            return
        webhook = QueuedWebhook(
            id=f"msg_{new_id()}",
            owner=owner,
            url=url,
            body=body,
            final=final,
            secret=WRONG_SECRET if Fault.WEBHOOK_FORGED in faults else self._secret,
            age=ONE_HOUR if Fault.WEBHOOK_OLD in faults else timedelta(),
            copies=2 if Fault.WEBHOOK_DUPLICATE in faults else 1,
            signed=signed,
            credentials={
                name: WRONG_SECRET if Fault.WEBHOOK_FORGED in faults else value
                for name, value in (credentials or {}).items()
            },
        )
        if sign is not None:
            signing_time = datetime.now(UTC) - webhook.age
            webhook.vendor_headers = sign(body, signing_time, Fault.WEBHOOK_FORGED in faults)
        if Fault.WEBHOOK_OUT_OF_ORDER in faults and not final:
            self._held.setdefault(owner, []).append(webhook)
            return
        if final:
            self._archive.put(KIND, webhook.id, webhook.model_dump_json())
        self._dispatch(webhook)
        for held in self._held.pop(owner, []) if final else []:
            self._dispatch(held)

    async def first_delivered(self, owner: str) -> None:
        """Wait until this owner's first webhook was delivered, at most TIMEOUT_SECONDS."""
        delivered = self._awaited.setdefault(owner, asyncio.Event())
        with suppress(TimeoutError):
            await asyncio.wait_for(delivered.wait(), TIMEOUT_SECONDS)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def reset(self) -> None:
        await self.stop()
        self._held.clear()
        self._archive.clear(KIND)

    def _dispatch(self, webhook: QueuedWebhook) -> None:
        task = asyncio.create_task(self._deliver_after(self._last.get(webhook.owner), webhook))
        self._last[webhook.owner] = task
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._forget(webhook.owner, done))

    def _forget(self, owner: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._last.get(owner) is task:
            del self._last[owner]

    async def _deliver_after(self, previous: asyncio.Task[None] | None, webhook: QueuedWebhook) -> None:
        if previous is not None:
            await asyncio.wait({previous})
        for _ in range(webhook.copies):
            await self._deliver(webhook)
        if webhook.owner in self._awaited:
            self._awaited.pop(webhook.owner).set()
        if webhook.final and not self._closing.begun:
            self._archive.remove(KIND, webhook.id)

    async def _deliver(self, webhook: QueuedWebhook) -> None:
        pause = FIRST_PAUSE
        attempts = ATTEMPTS if webhook.signed else ATTEMPTS_UNSIGNED
        for _ in range(attempts if webhook.final else 1):
            if await self._post(webhook) or self._closing.begun:
                return
            await self._closing.sleep(pause * (1 + secrets.randbelow(10) / 100))
            pause *= 2

    async def _post(self, webhook: QueuedWebhook) -> bool:
        """True when it must not be sent again: it was delivered, or permanently refused."""
        try:
            response = await self._http.post(
                webhook.url, content=webhook.body.encode(), headers=webhook.headers(), timeout=TIMEOUT_SECONDS
            )
        except (httpx.HTTPError, httpx.InvalidURL):
            return False
        if not webhook.signed:
            return response.status_code == httpx.codes.OK
        return response.status_code != httpx.codes.TOO_MANY_REQUESTS and not response.is_server_error
