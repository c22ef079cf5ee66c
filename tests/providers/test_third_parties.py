"""Providers that are not shipped: a folder of files, and distributions."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from aijobs.providers.registry import SHIPPED
from aijobs.providers.third_party import FOLDER, third_parties
from tests.providers.acme_vendor import ACME

#: Opens the provider that the environment names, and the settings with it.
LOOK: Final = """
from aijobs.settings import Settings, VENDORS
settings = Settings.load()
print(VENDORS["{name}"].label, settings.has_key("{name}"), settings.section("{name}").base_url)
"""


def look(
    name: str, environment: Mapping[str, str] | None = None, *, path: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """In a process of its own: which providers there are is settled when the registry is loaded."""
    folders = [str(path)] if path else []
    return subprocess.run(
        [sys.executable, "-c", LOOK.format(name=name)],
        env={"PYTHONPATH": ":".join([*folders, *filter(None, sys.path)]), **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_file_in_the_folder_is_a_provider(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(ACME)

    seen = look("acme", {FOLDER: str(tmp_path), "AIJOBS_ACME__TOKEN": "acme-key-123456"})

    assert seen.stdout.split() == ["Acme", "True", "https://api.acme.example/v2"], seen.stderr


def test_models_may_be_of_a_provider_in_the_folder_and_its_settings_are_unknown_without_it(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(ACME)
    own = tmp_path / "catalogue"
    own.write_text('[models.ttapi_midjourney_v7]\nprovider = "acme"\n')
    load = "from aijobs.settings import Settings; Settings.load().load_catalogue()"
    given = {"PYTHONPATH": ":".join(filter(None, sys.path)), "AIJOBS_CATALOGUE": str(own)}

    def loaded(**more: str) -> str:
        environment = given | more
        return subprocess.run(
            [sys.executable, "-c", load], env=environment, capture_output=True, text=True, check=False
        ).stderr

    assert loaded(**{FOLDER: str(tmp_path)}) == ""
    assert "there is no provider named 'acme'" in loaded()
    assert "Unknown setting: AIJOBS_ACME__TOKEN (is AIJOBS_PROVIDER_FILES set?)" in loaded(AIJOBS_ACME__TOKEN="x")


def distributed(folder: Path, name: str) -> Path:
    """A distribution whose module is in the folder already. Its file of entry points, of which one is PACKAGE."""
    dist = folder / f"{name}_for_aijobs-1.0.dist-info"
    dist.mkdir()
    (dist / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-for-aijobs\nVersion: 1.0\n")
    entry_points = dist / "entry_points.txt"
    entry_points.write_text(f"[aijobs.providers]\n{name} = {name}_for_aijobs:PACKAGE\n")
    return entry_points


def test_a_distribution_brings_a_provider(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(ACME)
    (tmp_path / "acme_for_aijobs.py").write_text(
        "from pathlib import Path\nfrom aijobs.providers.declared import declared_package\n"
        "PACKAGE = declared_package((Path(__file__).parent / 'acme.toml').read_text())\nNOTHING = 1\n"
    )
    entry_points = distributed(tmp_path, "acme")

    assert look("acme", path=tmp_path).stdout.split() == ["Acme", "False", "https://api.acme.example/v2"]

    entry_points.write_text("[aijobs.providers]\nacme = acme_for_aijobs:NOTHING\nx = missing:X\n")
    wrong = look("acme", path=tmp_path)
    assert "acme-for-aijobs (acme_for_aijobs:NOTHING): is no ProviderPackage" in wrong.stderr
    assert "acme-for-aijobs (missing:X): cannot be loaded: ModuleNotFoundError" in wrong.stderr


def test_a_distribution_whose_settings_cannot_be_left_out_is_named(tmp_path: Path) -> None:
    (tmp_path / "zenith.toml").write_text(ACME)
    (tmp_path / "zenith_for_aijobs.py").write_text(
        "from dataclasses import replace\nfrom pathlib import Path\nfrom pydantic import BaseModel\n"
        "from aijobs.providers.declared import declared_package\n"
        "class Settings(BaseModel):\n    token: str | None = None\n    base_url: str\n"
        "GOOD = declared_package((Path(__file__).parent / 'zenith.toml').read_text())\n"
        "PACKAGE = replace(GOOD, settings=Settings)\n"
    )
    distributed(tmp_path, "zenith")

    refused = look("zenith", path=tmp_path).stderr

    assert "zenith-for-aijobs (zenith_for_aijobs:PACKAGE): its settings need a token that is not set" in refused


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("acme", "label = ", "acme.toml: The file is not TOML"),
        ("acme", ACME.replace('"files[].url"', '"x"'), "acme.toml: outputs.links: 'x' matches nothing"),
        ("Acme Inc", ACME, "'Acme Inc' is no name for a provider"),
        ("replicate", ACME, "there is a provider named 'replicate' already"),
    ],
)
def test_a_wrong_file_is_named_and_keeps_none_of_the_others_out(
    tmp_path: Path, name: str, text: str, complaint: str
) -> None:
    (tmp_path / f"{name}.toml").write_text(text)
    (tmp_path / "zenith.toml").write_text(ACME)

    found = third_parties({FOLDER: str(tmp_path)}, taken=SHIPPED)

    assert any(complaint in problem for problem in found.problems)
    assert found.packages.keys() == {"zenith"}


def test_a_folder_that_is_not_there_is_named() -> None:
    assert third_parties({FOLDER: "/nowhere/at/all"}, taken=()).problems == [
        f"{FOLDER}: there is no folder /nowhere/at/all"
    ]


def test_a_provider_cannot_take_the_name_of_a_setting(tmp_path: Path) -> None:
    (tmp_path / "points.toml").write_text(ACME)

    seen = look("acme", {FOLDER: str(tmp_path)})

    assert "points: this is the name of a section of the settings" in seen.stderr
