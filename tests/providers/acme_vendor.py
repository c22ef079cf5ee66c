"""A declared vendor that does not exist, for tests of what is done with a declaration."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from aijobs.domain.ports.providers import Provider
from tests.providers.scripted_vendor import ScriptedVendor

KEY: Final = SecretStr("acme_key_that_must_stay_secret")
ACME: Final = (Path(__file__).parent / "acme.toml").read_text("utf-8")

Vendor = Callable[..., Awaitable[tuple[Provider, ScriptedVendor]]]
