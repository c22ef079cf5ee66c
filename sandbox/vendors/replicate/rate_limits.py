"""Replicate's rate limits: token buckets per account, reported in the headers of every response."""

import math
import time
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.vendors.replicate.errors import throttled

MAX_ACCOUNTS: Final = 1_000


class RateLimit(BaseModel):
    """Calls that a token may make per minute; all of them may come in one burst."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    creates_per_minute: int = Field(default=600, ge=1)
    calls_per_minute: int = Field(default=3_000, ge=1)


@dataclass
class Bucket:
    """A token bucket: holds the calls of one minute and refills evenly."""

    per_minute: int
    level: float = field(init=False)
    updated_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.level = float(self.per_minute)

    @property
    def reset(self) -> int:
        """Seconds until it is full again."""
        return math.ceil((self.per_minute - self.level) * 60 / self.per_minute)

    @property
    def next_call(self) -> int:
        """Seconds until there is room for one more call, at least 1."""
        return max(1, math.ceil((1 - self.level) * 60 / self.per_minute))

    def take(self) -> bool:
        now = time.monotonic()
        self.level = min(self.per_minute, self.level + (now - self.updated_at) * self.per_minute / 60)
        self.updated_at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


class Throttle:
    """Counts calls below /v1/ and refuses those beyond the limit with 429."""

    def __init__(self, app: ASGIApp, *, limit: RateLimit) -> None:
        self._app = app
        self._limit = limit
        self._buckets: dict[tuple[str, bool], Bucket] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        bucket = self._bucket_for(scope)

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["ratelimit-remaining"] = str(int(bucket.level))
                headers["ratelimit-reset"] = str(bucket.reset)
            await send(message)

        if bucket.take():
            await self._app(scope, receive, send_with_limits)
        else:
            refused = throttled(bucket.next_call, {"retry-after": str(bucket.next_call)})
            await refused(scope, receive, send_with_limits)

    def _bucket_for(self, scope: Scope) -> Bucket:
        creates = scope["method"] == "POST" and scope["path"].endswith("/predictions")
        account = Headers(scope=scope).get("authorization", "")
        if (account, creates) not in self._buckets:
            if len(self._buckets) >= MAX_ACCOUNTS:
                self._buckets.clear()
            size = self._limit.creates_per_minute if creates else self._limit.calls_per_minute
            self._buckets[account, creates] = Bucket(per_minute=size)
        return self._buckets[account, creates]
