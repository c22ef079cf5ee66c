"""Every check, by what it proves. Each raises NotConforming, with what was seen instead."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aijobs.providers.conformance import submit_checks, watch_checks
from aijobs.providers.conformance.laboratory import Laboratory

Check = Callable[[Laboratory], Awaitable[None]]

CHECKS: Final[Mapping[str, Check]] = {
    (check.__doc__ or "").strip().rstrip("."): check for check in (*submit_checks.ALL, *watch_checks.ALL)
}
