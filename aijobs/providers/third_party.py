"""Providers that are not shipped: files of an operator's folder, and distributions that are installed beside ours."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ValidationError

from aijobs.providers.declared import DeclarationError, declared_package
from aijobs.providers.declared.declaration import NAME
from aijobs.providers.package import ProviderPackage

GROUP: Final = "aijobs.providers"  #: of entry points, each of which is a ProviderPackage
FOLDER: Final = "AIJOBS_PROVIDER_FILES"  #: a folder with a file of TOML for each provider, named after it


@dataclass
class ThirdParties:
    """What was found, by name, and what is wrong with the rest: one text for each."""

    packages: dict[str, ProviderPackage] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, where: str, name: str, package: ProviderPackage, *, taken: Collection[str]) -> None:
        if not re.fullmatch(NAME, name):
            self.problems.append(f"{where}: {name!r} is no name for a provider: small letters, digits and _")
        elif name in taken or name in self.packages:
            self.problems.append(f"{where}: there is a provider named {name!r} already")
        else:
            self.packages[name] = package


def third_parties(environment: Mapping[str, str], *, taken: Collection[str]) -> ThirdParties:
    """`taken` are the names of our own. Nothing is raised: a wrong one must not keep the others from working."""
    found = ThirdParties()
    for where, name, package in (*_installed(found.problems), *_declared(environment.get(FOLDER), found.problems)):
        found.add(where, name, package, taken=taken)
    return found


def _installed(problems: list[str]) -> Iterator[tuple[str, str, ProviderPackage]]:
    for point in entry_points(group=GROUP):
        where = f"{point.dist.name if point.dist else 'a distribution'} ({point.value})"
        try:
            package = point.load()
        except Exception as failure:  # noqa: BLE001 - whatever code of others raises at its import
            problems.append(f"{where}: cannot be loaded: {type(failure).__name__}: {failure}")
            continue
        if not isinstance(package, ProviderPackage):
            problems.append(f"{where}: is no ProviderPackage")
        elif not _may_be_disabled(package.settings):
            problems.append(f"{where}: its settings need a token that is not set, and a default for all others")
        else:
            yield where, point.name, package


def _may_be_disabled(settings: type[BaseModel]) -> bool:
    """Whether nothing of them has to be set: every provider has a section, and most of them have no key."""
    try:
        return getattr(settings(), "token", settings) is None
    except ValidationError:
        return False


def _declared(folder: str | None, problems: list[str]) -> Iterator[tuple[str, str, ProviderPackage]]:
    if not folder:
        return
    if not Path(folder).is_dir():
        problems.append(f"{FOLDER}: there is no folder {folder}")
    for path in sorted(Path(folder).glob("*.toml")):
        try:
            yield str(path), path.stem, declared_package(path.read_text("utf-8"))
        except (DeclarationError, OSError, UnicodeDecodeError) as wrong:
            problems.extend(f"{path}: {line}" for line in str(wrong).splitlines())
