"""The tree as its rules see it: files, folders, functions, classes, and who imports whom."""

import ast
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

#: Written by a tool, or a record that is never edited.
NOT_OURS: Final = ("aijobs/persistence/migrations/versions/",)


@dataclass(frozen=True)
class SourceFile:
    """A Python file; `path` is relative to the root of the tree."""

    root: Path
    path: str

    @cached_property
    def text(self) -> str:
        return (self.root / self.path).read_text("utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def length(self) -> int:
        return len(self.text.splitlines())

    @property
    def module(self) -> str:
        """Its dotted name; a package's for `__init__.py`."""
        name = self.path.removeprefix("clients/python/").removesuffix(".py").replace("/", ".")
        return name.removesuffix(".__init__")

    @property
    def is_test(self) -> bool:
        return self.path.startswith("tests/")

    def classes(self) -> list[str]:
        """The names of its top-level classes."""
        return [node.name for node in self.tree.body if isinstance(node, ast.ClassDef)]

    def functions(self) -> Iterator[tuple[str, int]]:
        """Every function with its length in lines, decorators left out."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                yield node.name, node.end_lineno - node.lineno + 1

    def imported(self) -> set[str]:
        """Dotted names that it imports: of `from a import b` both `a` and `a.b`."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            match node:
                case ast.Import(names=names):
                    found.update(name.name for name in names)
                case ast.ImportFrom(module=str(module), names=names, level=0):
                    found.add(module)
                    found.update(f"{module}.{name.name}" for name in names)
        return found


class SourceTree:
    """The files under version control at `root`."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root

    @cached_property
    def paths(self) -> Sequence[str]:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=True,
        )
        paths = dict.fromkeys(listed.stdout.splitlines())  # in a merge, some are listed more than once
        return [path for path in paths if (self.root / path).exists()]

    @cached_property
    def sources(self) -> Sequence[SourceFile]:
        return [
            SourceFile(self.root, path) for path in self.paths if path.endswith(".py") and not path.startswith(NOT_OURS)
        ]

    @cached_property
    def importers(self) -> Mapping[str, set[str]]:
        """The files that import each module."""
        found: dict[str, set[str]] = defaultdict(set)
        for file in self.sources:
            for name in file.imported():
                found[name].add(file.path)
        return found

    def folders(self) -> Mapping[str, set[str]]:
        """The entries of each folder with Python files, without `__init__.py`."""
        found: dict[str, set[str]] = defaultdict(set)
        for path in self.paths:
            parts = path.split("/")
            for depth in range(1, len(parts)):
                found["/".join(parts[:depth])].add(parts[depth])
        with_python = {parent for file in self.sources for parent in _parents(file.path)}
        return {folder: shown - {"__init__.py", "py.typed"} for folder, shown in found.items() if folder in with_python}


def _parents(path: str) -> Iterator[str]:
    parts = path.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        yield "/".join(parts[:depth])
