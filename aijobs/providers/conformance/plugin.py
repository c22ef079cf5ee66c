"""The suite as a plug-in of pytest, which every pytest beside this distribution loads by its entry point.

`pytest --pyargs aijobs.providers.conformance.suite --aijobs-provider acme.toml` checks a file of TOML, or a provider by
its name; without `--aijobs-provider`, every provider there is. Other runs have an option more, and nothing else: what
the checks need is imported when they are asked for.
"""

from typing import Any


def pytest_addoption(parser: Any) -> None:
    parser.addoption(
        "--aijobs-provider", action="append", help="aijobs: a provider by its name, or a file of TOML. Repeatable."
    )


def pytest_generate_tests(metafunc: Any) -> None:
    """A test with the argument `aijobs_check` gets every check of every provider that was asked for."""
    if "aijobs_check" not in metafunc.fixturenames:
        return
    from aijobs.providers.conformance.cases import cases

    found = cases(metafunc.config.getoption("--aijobs-provider") or ())
    metafunc.parametrize("aijobs_check", list(found.values()), ids=list(found))
