"""Every check, by what it proves. Each raises NotConforming, with what was seen instead."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aijobs.providers.conformance.checks import (
    result_checks,
    search_checks,
    submit_checks,
    watch_checks,
    webhook_checks,
)
from aijobs.providers.conformance.laboratory import Laboratory

Check = Callable[[Laboratory], Awaitable[None]]

SUITE: Final = (*submit_checks.ALL, *watch_checks.ALL, *result_checks.ALL, *webhook_checks.ALL, *search_checks.ALL)
CHECKS: Final[Mapping[str, Check]] = {(check.__doc__ or "").strip().rstrip("."): check for check in SUITE}
