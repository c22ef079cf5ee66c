"""The rules of the house. What each leaves out, and why, is in tests/house/exceptions.py."""

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import pytest

from aijobs.domain import errors
from api.problems import STATUS_OF
from tests.house import exceptions
from tests.house.links import broken_links, named_paths
from tests.house.source_tree import ROOT, SourceFile, SourceTree

MAX_ENTRIES: Final = 14
MAX_LINES: Final = 300
MAX_FUNCTION_LINES: Final = 50
SHORT_LINES: Final = 40
MAX_SUPPRESSIONS: Final = 1.0
"""In a thousand lines."""

VAGUE: Final = {"utils", "helpers", "common", "manager", "service", "base", "misc"}

REGISTRIES: Final = ("aijobs/generators/registry.py", "aijobs/providers/registry.py")
ROOTS: Final = ("aijobs/bootstrap.py", *REGISTRIES)

#: What the worker may know of ours, and who may know the worker.
BELOW_WORKER: Final = {"activities", "aijobs", "workflows"}
ABOVE_WORKER: Final = {"bench", "chaos", "cli", "tests"}

#: HTTP's own words. Whoever speaks to vendors (adapters, providers) has them too.
HTTP_WORDS: Final = {"status_code", "HTTPStatus", "HTTPException", "Location", "location_header"}
WITHOUT_HTTP: Final = (
    "activities/",
    "aijobs/domain/",
    "aijobs/generators/",
    "aijobs/persistence/",
    "aijobs/usecases/",
    "worker.py",
    "workflows/",
)

TREE: Final = SourceTree()
PYPROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
IMPORT_LAWS: Final[dict[str, Any]] = PYPROJECT["tool"]["importlinter"]


def beyond(found: Collection[str], excepted: Mapping[str, str]) -> tuple[set[str], set[str]]:
    """Findings without an exception, and exceptions without a finding. A folder excepts all below it."""
    unexcused = {one for one in found if not any(_covers(entry, one) for entry in excepted)}
    idle = {entry for entry in excepted if not any(_covers(entry, one) for one in found)}
    return unexcused, idle


def _covers(entry: str, path: str) -> bool:
    return path.startswith(entry) if entry.endswith("/") else path == entry


NOTHING: Final[tuple[set[str], set[str]]] = (set(), set())


def test_a_folder_shows_no_more_than_can_be_taken_in() -> None:
    large = {folder for folder, shown in TREE.folders().items() if len(shown) > MAX_ENTRIES}

    assert beyond(large, exceptions.LARGE_FOLDERS) == NOTHING


def test_files_are_short() -> None:
    long = {file.path for file in TREE.sources if file.length > MAX_LINES}

    assert beyond(long, exceptions.LONG_FILES) == NOTHING


def test_functions_are_short() -> None:
    long = [
        f"{file.path}: {name} has {length} lines"
        for file in TREE.sources
        for name, length in file.functions()
        if length > MAX_FUNCTION_LINES
    ]

    assert long == []


def test_a_file_of_a_few_lines_has_two_users_or_a_reason() -> None:
    single = {file.path for file in short_files(TREE) if len(users_of(file, TREE)) < 2}

    assert beyond(single, exceptions.SHORT_FILES) == NOTHING


def short_files(tree: SourceTree) -> Iterator[SourceFile]:
    """Files except tests, `__init__.py`, and those that are run as processes."""
    for file in tree.sources:
        is_run = '__name__ == "__main__"' in file.text
        is_package = file.path.endswith(("__init__.py", "__main__.py"))
        if file.length < SHORT_LINES and not (file.is_test or is_package or is_run):
            yield file


def users_of(file: SourceFile, tree: SourceTree) -> set[str]:
    """The files that import it, without tests."""
    return {user for user in tree.importers.get(file.module, ()) if not user.startswith("tests/")}


def test_names_of_files_say_something() -> None:
    vague = {file.path for file in TREE.sources if file.module.rpartition(".")[2] in VAGUE}

    assert beyond(vague, exceptions.VAGUE_NAMES) == NOTHING


def test_a_class_name_exists_once() -> None:
    assert twice(TREE) == {}


def twice(tree: SourceTree) -> dict[str, list[str]]:
    """Class names with the files that declare them. Packages that stand alone may share a name with the others."""
    declared: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file in tree.sources:
        house = next((alone for alone in exceptions.STANDING_ALONE if file.path.startswith(alone)), "")
        for name in file.classes():
            declared[house, name].append(file.path)
    return {name: paths for (_, name), paths in declared.items() if len(paths) > 1}


def test_the_linter_is_silenced_seldom() -> None:
    lines = sum(file.length for file in TREE.sources)

    assert 1000 * suppressions(TREE) / lines < MAX_SUPPRESSIONS


def suppressions(tree: SourceTree) -> int:
    return sum(len(re.findall(r"# (?:noqa|type: ignore)", file.text)) for file in tree.sources)


def test_every_error_is_in_the_drawn_tree_below_its_parent() -> None:
    assert errors.__doc__ is not None
    assert drawn_tree(errors.__doc__) == {kind.__name__: kind.__bases__[0].__name__ for kind in all_errors()}


def test_every_error_has_a_status_at_the_api() -> None:
    assert set(STATUS_OF) == all_errors()


def test_the_core_and_what_runs_it_have_no_other_public_errors() -> None:
    declared = {
        f"{file.path}: {node.name}"
        for file in TREE.sources
        if file.path.startswith(("aijobs/", "activities/", "workflows/")) and file.path != "aijobs/domain/errors.py"
        for node in file.tree.body
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) in _ERROR_NAMES for base in node.bases)
    }

    assert declared == set()


def all_errors() -> set[type[errors.AijobsError]]:
    found = {errors.AijobsError}
    while more := {kind for known in found for kind in known.__subclasses__()} - found:
        found |= more
    return {kind for kind in found if kind.__module__ == errors.__name__}


def drawn_tree(text: str) -> dict[str, str]:
    """Maps each name to the name that it is an attribute of."""
    above, found = ["Exception"], dict[str, str]()
    for line in text.splitlines():
        if drawn := re.match(r"((?:│   |    )*)([├└]── |(?=AijobsError$))(\w+)", line):
            depth = len(drawn[1] + drawn[2]) // 4
            above[depth + 1 :] = [drawn[3]]
            found[drawn[3]] = above[depth]
    return found


_ERROR_NAMES: Final = {kind.__name__ for kind in all_errors()}


def test_adapters_are_opened_by_composition_roots_alone() -> None:
    opening = {
        file.path
        for file in TREE.sources
        if not file.is_test and not file.path.startswith(("aijobs/adapters/", *ROOTS)) and openers() & called(file)
    }

    assert beyond(opening, exceptions.OPENS_ADAPTERS) == NOTHING


def openers() -> set[str]:
    """What has a lifetime: adapters, the database, and what registries open; the network is the vendors' too."""
    return {name for file in TREE.sources if _is_adapter(file.path) for name in opened_in(file)}


def _is_adapter(path: str) -> bool:
    return (
        path.startswith(("aijobs/adapters/", "aijobs/persistence/database/", *REGISTRIES)) and "/network/" not in path
    )


def opened_in(file: SourceFile) -> Iterator[str]:
    for node in file.tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name.startswith("opened_"):
                yield name
            case ast.ClassDef(name=name, body=body):
                methods = {inner.name for inner in body if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)}
                if methods & {"__aenter__", "opened"}:
                    yield name


def called(file: SourceFile) -> set[str]:
    """Names that are called, or whose methods are called."""
    calls = [node.func for node in ast.walk(file.tree) if isinstance(node, ast.Call)]
    names = [call.value if isinstance(call, ast.Attribute) else call for call in calls]
    return {name.id for name in names if isinstance(name, ast.Name)}


def test_http_stops_at_the_api_and_the_dashboard() -> None:
    speaking = {
        f"{file.path}: {word}"
        for file in TREE.sources
        if file.path.startswith(WITHOUT_HTTP)
        for word in HTTP_WORDS & identifiers(file)
    }

    assert speaking == set()


def identifiers(file: SourceFile) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(file.tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)) | ast.arg(arg=name):
                found.add(name)
            case ast.Constant(value=str(text)):
                found.add(text)
    return found


def test_the_import_laws_name_every_package() -> None:
    packages = {file.module.partition(".")[0] for file in TREE.sources if not file.is_test and "/" in file.path}
    house = IMPORT_LAWS["contracts"][0]

    assert set(IMPORT_LAWS["root_packages"]) == packages
    assert {name.strip() for floor in house["layers"] for name in re.split(r"[|:]", floor)} == packages


@pytest.mark.parametrize("container", ["aijobs", "aijobs.adapters", "api"])
def test_floors_within_a_package_are_complete(container: str) -> None:
    floors = [law for law in IMPORT_LAWS["contracts"] if law.get("containers") == [container]]

    assert [law["exhaustive"] for law in floors] == [True]


def test_the_worker_keeps_its_place() -> None:
    (worker,) = (file for file in TREE.sources if file.path == "worker.py")
    ours = set(IMPORT_LAWS["root_packages"]) | {"tests"}

    assert {name.partition(".")[0] for name in worker.imported()} & ours <= BELOW_WORKER
    assert {path.partition("/")[0] for path in TREE.importers["worker"]} <= ABOVE_WORKER


DOCUMENTS: Final = [path for path in TREE.paths if path.endswith(".md")]


@pytest.mark.parametrize("path", DOCUMENTS)
def test_links_lead_somewhere(path: str) -> None:
    assert list(broken_links(ROOT / path)) == []


@pytest.mark.parametrize("path", DOCUMENTS)
def test_paths_that_a_document_names_are_there(path: str) -> None:
    named = named_paths((ROOT / path).read_text("utf-8"), set(TREE.folders()) | {"docs"})

    assert [name for name in named if not (ROOT / name).exists()] == []


def test_paths_that_the_code_names_are_there() -> None:
    folders = {folder for folder in TREE.folders() if "/" not in folder} | {"docs"}
    missing = [
        f"{file.path}: {name}"
        for file in TREE.sources
        for name in named_paths(file.text, folders)
        if not (ROOT / name).exists()
    ]

    assert missing == []
