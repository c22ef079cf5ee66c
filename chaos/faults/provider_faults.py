"""The faults of the simulated provider: those of one job, and standing faults that hit the next requests."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import httpx

#: Faults that a job carries in its photo's URL, with their weights.
QUICK_FAULTS: Final[Mapping[str, int]] = {
    # the submit
    "reject_401": 1,
    "reject_402": 1,
    "reject_404": 1,
    "reject_422": 1,
    "accept_then_drop": 4,
    "accept_then_drop,webhook_none": 3,
    "accept_then_drop,webhook_none,list_lag=6": 2,
    "accept_then_error": 2,
    "accept_then_error=504,webhook_forged": 2,
    "hang=4": 2,
    "hang=4,webhook_none": 2,
    "unreadable_json": 2,
    "no_id": 2,
    # the life of the work
    "queue_seconds=4": 2,
    "work_seconds=5": 2,
    "never_starts": 1,
    "never_finishes": 1,
    "never_finishes,cancel_refused*0": 1,
    "failed=CUDA out of memory": 2,
    "aborted": 1,
    "interrupted": 1,
    "unknown_status": 1,
    "missing_keys": 1,
    "renamed_model": 1,
    "processing_with_output=3": 1,
    "output_as=list": 1,
    "output_as=object": 1,
    "output_as=empty_list": 1,
    "output_as=text": 1,
    "zero_outputs": 1,
    "output_at": 1,
    "output_erased": 1,
    # the questions
    "server_error@get*3": 2,
    "throttled=1@get*2": 2,
    "throttled_silently@get*2": 1,
    "unreadable_json@get*2": 2,
    "no_id@get*2": 1,
    "reject_404@get*2": 2,
    "drop_before_accept@get*2": 2,
    "hang=3@get": 2,
    # the cancel
    "work_seconds=6,cancel_ignored": 1,
    "work_seconds=6,cancel_refused*2": 1,
    "work_seconds=6,accept_then_drop@cancel": 1,
    # the download
    "expired_link": 1,
    "expired_link=403*2": 2,
    "expired_link=410*0": 1,
    "truncated_body": 2,
    "truncated_body*3": 1,
    "endless_body*0": 1,
    "slow_body=0.2": 4,
    "wrong_content": 1,
    "length_lie*0": 1,
    "redirect_private": 1,
    "server_error@delivery*2": 2,
    "drop_before_accept@delivery*2": 2,
    # the webhooks
    "webhook_none": 2,
    "webhook_duplicate": 2,
    "webhook_early": 2,
    "webhook_out_of_order": 1,
    "webhook_forged": 1,
    "webhook_old": 1,
}

#: Faults after which it takes minutes until the charge is known.
SLOW_FAULTS: Final[Mapping[str, int]] = {
    "server_error": 2,
    "server_error=503": 1,
    "drop_before_accept": 2,
    "accept_then_drop,webhook_none,list_lag=90": 2,
    "never_finishes,cancel_ignored*0": 2,
    "work_seconds=75,cancel_ignored*0": 2,
    "queue_seconds=70,cancel_refused*0": 1,
}

#: Faults for the next requests, whichever job they are for: the body of `POST /_sandbox/faults`.
STANDING_FAULTS: Final[tuple[dict[str, Any], ...]] = (
    {"fault": "throttled", "on": "create", "times": 2},
    {"fault": "throttled_silently", "on": "create", "times": 2},
    {"fault": "server_error", "on": "list", "times": 2},
    {"fault": "hang", "arg": "4", "on": "list", "times": 1},
    {"fault": "unreadable_json", "on": "list", "times": 2},
    {"fault": "server_error", "on": "cancel", "times": 2},
    {"fault": "throttled", "on": "get", "times": 5},
    {"fault": "unreadable_json", "on": "create", "times": 1},
    {"fault": "interrupted", "on": "create", "times": 1},
    {"fault": "reject_404", "on": "create", "times": 1},
)
OUTAGE: Final[dict[str, Any]] = {"fault": "outage"}
OUTAGE_SECONDS: Final = 4.0
EVERY: Final = 4.0
"""Seconds between two standing faults, on average."""

TIMEOUT: Final = 3.0
ATTEMPTS, PAUSE = 100, 0.3


def job_faults(*, gentle: bool) -> Mapping[str, int]:
    return QUICK_FAULTS if gentle else {**QUICK_FAULTS, **SLOW_FAULTS}


async def inject_faults(sandbox_url: str, dice: random.Random, *, gentle: bool, faults_injected: Counter[str]) -> None:
    """Set standing faults, one after the other, until canceled. Does nothing while the sandbox is down."""
    choices = [*STANDING_FAULTS, *STANDING_FAULTS] if gentle else [*STANDING_FAULTS, *STANDING_FAULTS, OUTAGE]
    async with httpx.AsyncClient(base_url=sandbox_url, timeout=TIMEOUT, trust_env=False) as http:
        while True:
            await asyncio.sleep(dice.expovariate(1 / EVERY))
            fault = dice.choice(choices)
            if await _request_sent(http, "POST", json=fault):
                faults_injected[f"{fault['fault']}@{fault.get('on', 'everything')}"] += 1
            if fault is OUTAGE:
                await asyncio.sleep(OUTAGE_SECONDS)
                await clear_faults(sandbox_url)


async def clear_faults(sandbox_url: str) -> None:
    """Remove all standing faults. The faults of single jobs stay."""
    async with httpx.AsyncClient(base_url=sandbox_url, timeout=TIMEOUT, trust_env=False) as http:
        for _ in range(ATTEMPTS):
            if await _request_sent(http, "DELETE"):
                return
            await asyncio.sleep(PAUSE)


async def _request_sent(http: httpx.AsyncClient, method: str, **body: Any) -> bool:
    try:
        return (await http.request(method, "/_sandbox/faults", **body)).is_success
    except httpx.TransportError:
        return False
