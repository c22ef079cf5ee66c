"""Limits on requests: counted by key, user and address, each by the class of the request.

Each response to a request that was counted says how it stands, by the IETF's draft of RateLimit headers
(draft-ietf-httpapi-ratelimit-headers): `RateLimit-Policy` names the limits, `RateLimit` what is left of the tightest.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

import structlog
from limits import RateLimitItem, parse_many
from limits.aio.storage import RedisStorage, Storage
from limits.aio.storage.redis.redispy import RedispyBridge
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError
from redis.exceptions import RedisError
from starlette.requests import HTTPConnection
from starlette.types import Scope

from aijobs.domain.errors import RateLimited
from aijobs.domain.values.request_rates import RateLimitSettings, RequestClass
from api.connections.limits import network_of
from api.connections.middleware import RATE_LIMIT_HEADERS
from api.connections.rate_limits.bounded_memory import BoundedMemory
from api.connections.rate_limits.request_classes import class_of

STORE_TIMEOUT: Final = timedelta(milliseconds=250)
"""The longest that a request waits for Redis."""

WITHOUT_STORE: Final = timedelta(seconds=5)
"""So long nothing is counted after Redis has not answered: limits must not stop what they protect."""

PREFIX: Final = "aijobs"

_COUNTED: Final = "aijobs.rate_limits"
"""Key in the scope of a request: what it was counted by. A route asks for its caller more than once."""

_STANDINGS: Final = "aijobs.rate_limits.standings"

log = structlog.get_logger()


class LimitedBy(StrEnum):
    """By what requests are counted."""

    ADDRESS = "address"
    KEY = "key"
    USER = "user"


@dataclass(frozen=True)
class RatePolicy:
    """One limit. `name` is a label of metrics, and what the headers call it."""

    name: str
    item: RateLimitItem

    @property
    def header(self) -> str:
        return f'"{self.name}";q={self.item.amount};w={self.item.get_expiry()}'


@dataclass(frozen=True)
class Standing:
    """What is left of a policy, and the seconds until its window ends."""

    policy: RatePolicy
    remaining: int
    reset: int

    @property
    def header(self) -> str:
        return f'"{self.policy.name}";r={self.remaining};t={self.reset}'


class RateLimits:
    """The limits of the settings. `on_refused` hears the name of the limit that has refused a request."""

    def __init__(self, settings: RateLimitSettings, *, on_refused: Callable[[str], None]) -> None:
        self._policies = dict(_policies(settings))
        self._store = _store(settings)
        self._limiter = FixedWindowRateLimiter(self._store)
        self._on_refused = on_refused
        self._away_until = 0.0

    @property
    def names(self) -> list[str]:
        return [policy.name for policies in self._policies.values() for policy in policies]

    async def count_address(self, connection: HTTPConnection, *, is_sign_in: bool = False) -> None:
        """Count a request of which nothing else is known yet. Raises RateLimited."""
        host = connection.client.host if connection.client else ""
        request_class = RequestClass.SIGN_IN if is_sign_in else class_of(connection)
        await self._count(connection.scope, request_class, {LimitedBy.ADDRESS: network_of(host)})

    async def count_caller(self, connection: HTTPConnection, *, key_id: str, user: str | None) -> None:
        """Count a request whose caller is known. `user` is the end user, where one is named. Raises RateLimited."""
        names = {LimitedBy.KEY: key_id} | ({} if user is None else {LimitedBy.USER: user})
        await self._count(connection.scope, class_of(connection), names)

    async def close(self) -> None:
        if isinstance(self._store, RedisStorage) and isinstance(self._store.bridge, RedispyBridge):
            await self._store.bridge.storage.aclose()

    async def _count(self, scope: Scope, request_class: RequestClass, names: Mapping[LimitedBy, str]) -> None:
        """Each once for a request."""
        counted: set[LimitedBy] = scope.setdefault(_COUNTED, set())
        for by, name in names.items():
            policies = self._policies.get((by, request_class), ())
            if by in counted or not policies:
                continue
            counted.add(by)
            standings = [one for policy in policies if (one := await self._hit(policy, name)) is not None]
            _say(scope, [standing for standing, _ in standings])
            if refused := [standing for standing, is_within in standings if not is_within]:
                self._refuse(max(refused, key=lambda standing: standing.reset))

    async def _hit(self, policy: RatePolicy, name: str) -> tuple[Standing, bool] | None:
        """How it stands now, and whether the request is within the limit. None while the store does not answer."""
        if time.monotonic() < self._away_until:
            return None
        try:
            is_within = await self._limiter.hit(policy.item, policy.name, name)
            stats = await self._limiter.get_window_stats(policy.item, policy.name, name)
        except (StorageError, RedisError, OSError, TimeoutError) as error:
            self._away_until = time.monotonic() + WITHOUT_STORE.total_seconds()
            log.error("rate_limits_not_counted", error=type(error).__name__)
            return None
        reset = max(int(stats.reset_time - time.time() + 1), 1)
        return Standing(policy, stats.remaining, reset), is_within

    def _refuse(self, standing: Standing) -> None:
        self._on_refused(standing.policy.name)
        raise RateLimited(
            f"Too many requests: at most {standing.policy.item} ({standing.policy.name}).",
            retry_after=timedelta(seconds=standing.reset),
        )


def _say(scope: Scope, standings: Sequence[Standing]) -> None:
    """What the response's headers will say: all limits, and what is left of the tightest."""
    known: list[Standing] = scope.setdefault(_STANDINGS, [])
    known.extend(standings)
    if known:
        tightest = min(known, key=lambda standing: standing.remaining / standing.policy.item.amount)
        scope[RATE_LIMIT_HEADERS] = {
            "RateLimit-Policy": ", ".join(standing.policy.header for standing in known),
            "RateLimit": tightest.header,
        }


def _policies(settings: RateLimitSettings) -> Iterator[tuple[tuple[LimitedBy, RequestClass], list[RatePolicy]]]:
    for by in LimitedBy:
        rates: Mapping[RequestClass, str] = getattr(settings, by)
        for request_class, rate in rates.items():
            if rate:
                name = f"{by}_{request_class}"
                yield (by, request_class), [RatePolicy(name, item) for item in parse_many(rate)]


def _store(settings: RateLimitSettings) -> Storage:
    if settings.redis is None:
        return BoundedMemory()
    timeout = STORE_TIMEOUT.total_seconds()
    return RedisStorage(
        f"async+{settings.redis.get_secret_value()}",
        implementation="redispy",
        key_prefix=PREFIX,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
    )
