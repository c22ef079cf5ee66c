"""Every provider, in one table.

To add one, write the package `aijobs/providers/<name>/` with a `PACKAGE`, as the other packages do, and add it to the
import and to the table below. Its name is the `provider` of models in the catalogue, and the prefix of its settings:
`AIJOBS_<NAME>__TOKEN`. Then add it to `tests/providers/parts.py`: the contract suite shows what is missing.
`docs/providers.md` lists all steps.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import BaseModel, ConfigDict, create_model

from aijobs.domain.ports.credentials import OpenProviders
from aijobs.domain.ports.providers import Provider
from aijobs.domain.vendor import VendorSettings
from aijobs.providers import (
    azure_openai,
    bedrock,
    black_forest_labs,
    cog,
    comfyui,
    dashscope,
    fal,
    gemini,
    kling,
    minimax,
    openai,
    replicate,
    runway,
    ttapi,
    volcengine,
)
from aijobs.providers.credentials import sections_of, with_credentials
from aijobs.providers.package import ProviderPackage
from aijobs.providers.third_party import third_parties

SHIPPED: Final[Mapping[str, ProviderPackage]] = {
    "azure_openai": azure_openai.PACKAGE,
    "bedrock": bedrock.PACKAGE,
    "black_forest_labs": black_forest_labs.PACKAGE,
    "cog": cog.PACKAGE,
    "comfyui": comfyui.PACKAGE,
    "dashscope": dashscope.PACKAGE,
    "fal": fal.PACKAGE,
    "gemini": gemini.PACKAGE,
    "kling": kling.PACKAGE,
    "minimax": minimax.PACKAGE,
    "openai": openai.PACKAGE,
    "replicate": replicate.PACKAGE,
    "runway": runway.PACKAGE,
    "ttapi": ttapi.PACKAGE,
    "volcengine": volcengine.PACKAGE,
}

_OTHERS: Final = third_parties(os.environ, taken=SHIPPED)

PROVIDERS: Final[Mapping[str, ProviderPackage]] = {**SHIPPED, **_OTHERS.packages}
PROBLEMS: Final[Sequence[str]] = _OTHERS.problems  #: with providers that are not shipped; the settings refuse to load

#: As LastReport, with the provider's name before the id.
ReportLog = Callable[[str, str], Awaitable[Mapping[str, Any] | None]]

if TYPE_CHECKING:
    _Sections = BaseModel  # sections are read by name, with `section()`
else:
    _CLASSES = {name: with_credentials(name, package.settings) for name, package in PROVIDERS.items()}
    _Sections = create_model("_Sections", **{name: (section, section()) for name, section in _CLASSES.items()})


class ProviderSettings(_Sections):
    """A section for each provider of the table, under its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def section(self, name: str) -> VendorSettings:
        return cast(VendorSettings, getattr(self, name))


@asynccontextmanager
async def opened_providers(
    settings: ProviderSettings, *, last_report: ReportLog | None = None
) -> AsyncIterator[Mapping[str, Provider]]:
    """The providers that have a token, by name and by credential, for as long as the context lasts.

    `last_report` reads what vendors have told that tell of jobs by webhooks alone.
    """
    async with AsyncExitStack() as stack:
        providers: dict[str, Provider] = {}
        for name, package in PROVIDERS.items():
            told = {"last_report": partial(last_report, name)} if package.is_told and last_report else {}
            for credential, section in sections_of(name, settings.section(name)).items():
                providers[credential] = await stack.enter_async_context(package.opened(section, **told))
        yield OpenProviders(providers)
