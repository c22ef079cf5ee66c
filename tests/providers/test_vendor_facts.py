"""Facts about one vendor are in that vendor's packages only: adding another changes no other module."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from aijobs.providers.registry import PROVIDERS
from aijobs.settings import Settings

ROOT: Final = Path(__file__).parents[2]
SHORTEST_NAME: Final = 5  #: that no other word contains
INSTALLED: Final = ("activities", "aijobs", "api", "cli", "dashboard", "sandbox", "workflows", "worker.py", "clients")

#: Who names a vendor nevertheless, and why.
NAMED_IN: Final = {
    "api/schemas/examples.py": "shows a job of one of them in the examples of the API",
    "api/routes/credentials.py": "shows, by one of them, how a credential is named",
    "api/routes/pauses.py": "shows, by one of them, how a vendor is paused",
    "cli/commands/pauses.py": "shows the same",
    "aijobs/providers/registry.py": "the table",
    "cli/commands/models.py": "shows, by one of them, how a model is added",
    "cli/commands/up.py": "shows, by one of them, how a vendor is switched on",
}


#: Who speaks a vendor's dialect to others than that vendor.
DIALECT_OF: Final = {
    "minimax": ("aijobs/adapters/chat/", "sandbox/vendors/chat/", "sandbox/faults/"),
    "cog": ("sandbox/vendors/replicate/",),  # whose models were packed by it
    "dashscope": ("aijobs/adapters/chat/",),  # whose language models are asked there
    "openai": (
        *("aijobs/adapters/chat/", "aijobs/generators/", "sandbox/vendors/chat/"),
        *("aijobs/providers/azure_openai/", "sandbox/vendors/azure_openai/"),
    ),
}


def homes_of(name: str) -> tuple[Path, ...]:
    return ROOT / "aijobs" / "providers" / name, ROOT / "sandbox" / "vendors" / name


def files_outside(name: str) -> Iterator[Path]:
    for path in INSTALLED:
        for file in [ROOT / path] if path.endswith(".py") else sorted((ROOT / path).rglob("*.py")):
            spoken = str(file.relative_to(ROOT)).startswith(DIALECT_OF.get(name, ()))
            if not spoken and not any(file.is_relative_to(home) for home in homes_of(name)):
                yield file


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_vendor_is_named_in_its_own_packages_alone(name: str) -> None:
    shipped = "|".join(model.model_id for model in Settings().load_catalogue())  # the ids of models are the catalogue's

    naming = [
        str(file.relative_to(ROOT))
        for file in files_outside(name)
        if re.search(_word(name), re.sub(shipped, "", file.read_text("utf-8")), re.IGNORECASE)
    ]

    assert set(naming) <= NAMED_IN.keys()


def _word(name: str) -> str:
    """A short name may stand in other words."""
    return name if len(name) >= SHORTEST_NAME else rf"(?<![a-z]){name}(?![a-z])"


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_registry_takes_two_lines_for_a_provider(name: str) -> None:
    lines = (ROOT / "aijobs" / "providers" / "registry.py").read_text("utf-8").splitlines()

    assert sum(bool(re.search(rf"\b{name}\b", line)) for line in lines) == 2
