"""Which providers a run of the suite is about."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from aijobs.providers.declared import declared_package
from aijobs.providers.package import ProviderPackage
from aijobs.providers.registry import PROVIDERS


def subjects(named: Iterable[str]) -> Mapping[str, ProviderPackage]:
    """Providers by name, or files of TOML; all that have a specimen, when none are named.

    Raises ValueError for a name that there is none of, a file that is wrong, and a provider without a specimen.
    """
    chosen = {name: _subject(name) for name in named}
    for name, package in chosen.items():
        if package.specimen is None:
            raise ValueError(f"{name} has no specimen, from which its vendor could be played.")
    return chosen or {name: package for name, package in PROVIDERS.items() if package.specimen}


def _subject(name: str) -> ProviderPackage:
    if name in PROVIDERS:
        return PROVIDERS[name]
    if not Path(name).is_file():
        raise ValueError(f"There is no provider {name!r}, and no such file. Providers: {', '.join(sorted(PROVIDERS))}")
    try:
        return declared_package(Path(name).read_text("utf-8"))
    except UnicodeDecodeError as wrong:
        raise ValueError(f"{name} is no text: {wrong}") from wrong
