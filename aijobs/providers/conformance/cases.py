"""Every check of every provider that a run is about, as a function without arguments."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial

from aijobs.providers.conformance.checks import CHECKS
from aijobs.providers.conformance.laboratory import DoesNotApply, opened_laboratory
from aijobs.providers.conformance.subjects import subjects
from aijobs.providers.package import ProviderPackage


def cases(named: Iterable[str]) -> Mapping[str, Callable[[], None]]:
    """By `provider: check`. Raises ValueError as `subjects` does."""
    return {
        f"{name}: {check}": partial(_run, package, check)
        for name, package in subjects(named).items()
        for check in CHECKS
    }


def _run(package: ProviderPackage, check: str) -> None:
    async def in_a_laboratory() -> None:
        async with opened_laboratory(package) as laboratory:
            with suppress(DoesNotApply):
                await CHECKS[check](laboratory)

    asyncio.run(in_a_laboratory())
