"""Every provider, in one table.

To add one, write the package `aijobs/providers/<name>/` with a `PACKAGE`, as the other packages do, and add it to the
import and to the table below. Its name is the `provider` of models in the catalogue, and the prefix of its settings:
`AIJOBS_<NAME>__TOKEN`. Then add it to `tests/providers/parts.py`: the contract suite shows what is missing.
`docs/providers.md` lists all steps.
"""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final, cast

from pydantic import BaseModel, ConfigDict, create_model

from aijobs.domain.ports.providers import Provider
from aijobs.domain.vendor import VendorSettings
from aijobs.providers import (
    bedrock,
    black_forest_labs,
    dashscope,
    fal,
    kling,
    openai,
    replicate,
    runway,
    ttapi,
    volcengine,
)
from aijobs.providers.package import ProviderPackage
from aijobs.providers.third_party import third_parties

SHIPPED: Final[Mapping[str, ProviderPackage]] = {
    "bedrock": bedrock.PACKAGE,
    "black_forest_labs": black_forest_labs.PACKAGE,
    "dashscope": dashscope.PACKAGE,
    "fal": fal.PACKAGE,
    "kling": kling.PACKAGE,
    "openai": openai.PACKAGE,
    "replicate": replicate.PACKAGE,
    "runway": runway.PACKAGE,
    "ttapi": ttapi.PACKAGE,
    "volcengine": volcengine.PACKAGE,
}

_OTHERS: Final = third_parties(os.environ, taken=SHIPPED)

PROVIDERS: Final[Mapping[str, ProviderPackage]] = {**SHIPPED, **_OTHERS.packages}
PROBLEMS: Final[Sequence[str]] = _OTHERS.problems  #: with providers that are not shipped; the settings refuse to load

if TYPE_CHECKING:
    _Sections = BaseModel  # sections are read by name, with `section()`
else:
    _Sections = create_model(
        "_Sections", **{name: (package.settings, package.settings()) for name, package in PROVIDERS.items()}
    )


class ProviderSettings(_Sections):
    """A section for each provider of the table, under its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def section(self, name: str) -> VendorSettings:
        return cast(VendorSettings, getattr(self, name))


@asynccontextmanager
async def opened_providers(settings: ProviderSettings) -> AsyncIterator[Mapping[str, Provider]]:
    """The providers that have a token, by name, for as long as the context lasts."""
    async with AsyncExitStack() as stack:
        providers: dict[str, Provider] = {}
        for name, package in PROVIDERS.items():
            section = settings.section(name)
            if section.token:
                providers[name] = await stack.enter_async_context(package.opened(section))
        yield providers
