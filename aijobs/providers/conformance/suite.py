"""The tests that the plug-in fills with providers and checks."""

from collections.abc import Callable


def test_the_contract(conformance_check: Callable[[], None]) -> None:
    """Raises NotConforming."""
    conformance_check()
