"""The software bill of materials: valid, complete, and of what is installed."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT: Final = Path(__file__).parents[2]
DIGEST: Final = "sha256:" + "ab" * 32


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("bill") / "out" / "sbom.cdx.json"
    subprocess.run([sys.executable, str(ROOT / "deploy" / "sbom.py"), str(path)], check=True)
    return path.read_text("utf-8")


def names(document: str, prefix: str) -> dict[str, Any]:
    return {part["name"].lower(): part for part in json.loads(document)["components"] if prefix in part["bom-ref"]}


def test_it_is_valid(document: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(document) is None


def test_every_locked_package_is_there_with_its_version_and_hashes(document: str) -> None:
    lock = (ROOT / "requirements" / "runtime.lock").read_text("utf-8")
    locked = {name.lower(): version for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", lock, re.MULTILINE)}

    listed = names(document, "requirements-L")

    assert {name: part["version"] for name, part in listed.items()} == locked
    assert all(part["externalReferences"][0]["hashes"] for part in listed.values())


def test_every_script_of_the_dashboard_is_there(document: str) -> None:
    shipped = {path.name for path in (ROOT / "dashboard" / "static" / "vendor").glob("*.min.*")}

    files = [file for part in names(document, "pkg:npm").values() for file in part["components"]]

    assert {file["name"] for file in files} == shipped


def test_every_image_is_there(document: str) -> None:
    images = names(document, "image:")

    assert {"python", "postgres", "haproxy", "temporalio/server", "temporalio/admin-tools", "temporalio/ui"} == set(
        images
    )


def test_it_is_the_same_each_time(document: str) -> None:
    again = json.dumps(runpy.run_path(str(ROOT / "deploy" / "sbom.py"))["bill"](), indent=1, ensure_ascii=False)

    assert again + "\n" == document


def test_images_are_pinned_by_their_digests() -> None:
    program = runpy.run_path(str(ROOT / "deploy" / "pin_images.py"))
    for name in program["FILES"]:
        text = (ROOT / name).read_text("utf-8")
        asked: list[str] = []

        def resolve(tag: str, asked: list[str] = asked) -> str:
            asked.append(tag)
            return DIGEST

        pinned = program["pinned"](text, resolve)

        assert asked
        assert program["unpinned"](pinned) == []
        assert program["pinned"](pinned, resolve) == pinned
        assert pinned.count(DIGEST) == len(asked) // 2
        assert pinned.replace(f"@{DIGEST}", "") == re.sub(r"@sha256:\w{64}", "", text)
