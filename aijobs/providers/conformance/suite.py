"""The tests that the plug-in fills with providers and checks."""

from collections.abc import Callable


def test_the_contract(aijobs_check: Callable[[], None]) -> None:
    """Raises NotConforming."""
    aijobs_check()
