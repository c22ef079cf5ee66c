"""Every provider, in one table.

To add one: write `providers/<name>.py` (or a package) with a frozen section of settings whose `token` switches it on,
and an async context manager `opened(settings)` that yields a `Provider` (`domain/ports/providers.py`). Add the section
to ProviderSettings and the opener to OPENERS, both under the name that models have as their `provider` in the
catalogue; then give it a part in `tests/providers/scene.py`: the contract suite says what is left to do.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Final

from pydantic import BaseModel, ConfigDict

from aijobs.domain.ports.providers import Provider
from aijobs.providers import replicate, ttapi
from aijobs.providers.replicate import ReplicateSettings
from aijobs.providers.ttapi import TtapiSettings

Opener = Callable[..., AbstractAsyncContextManager[Provider]]

OPENERS: Final[Mapping[str, Opener]] = {
    "replicate": replicate.opened,
    "ttapi": ttapi.opened,
}


class ProviderSettings(BaseModel):
    """A section for each provider."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    replicate: ReplicateSettings = ReplicateSettings()
    ttapi: TtapiSettings = TtapiSettings()


@asynccontextmanager
async def opened_providers(settings: ProviderSettings) -> AsyncIterator[Mapping[str, Provider]]:
    """The providers that have a token, by name, for as long as the context lasts."""
    async with AsyncExitStack() as stack:
        providers: dict[str, Provider] = {}
        for name, opener in OPENERS.items():
            section = getattr(settings, name)
            if section.token:
                providers[name] = await stack.enter_async_context(opener(section))
        yield providers
