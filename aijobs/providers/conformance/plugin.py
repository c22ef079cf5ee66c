"""The suite as a plug-in of pytest.

`pytest -p aijobs.providers.conformance.plugin --pyargs aijobs.providers.conformance.suite --provider acme.toml` checks
a file of TOML, or a provider by its name; without `--provider`, every provider there is.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from aijobs.providers.conformance.checks import CHECKS
from aijobs.providers.conformance.laboratory import opened_laboratory
from aijobs.providers.conformance.subjects import subjects
from aijobs.providers.package import ProviderPackage


def pytest_addoption(parser: Any) -> None:
    parser.addoption("--provider", action="append", help="A provider by its name, or a file of TOML. Repeatable.")


def pytest_generate_tests(metafunc: Any) -> None:
    """A test with the argument `conformance_check` gets every check of every provider that was asked for."""
    if "conformance_check" not in metafunc.fixturenames:
        return
    cases: dict[str, Callable[[], None]] = {}
    for name, package in subjects(metafunc.config.getoption("--provider") or ()).items():
        cases |= {f"{name}: {check}": partial(_run, package, check) for check in CHECKS}
    metafunc.parametrize("conformance_check", list(cases.values()), ids=list(cases))


def _run(package: ProviderPackage, check: str) -> None:
    async def in_a_laboratory() -> None:
        async with opened_laboratory(package) as laboratory:
            await CHECKS[check](laboratory)

    asyncio.run(in_a_laboratory())
