"""Figures of the house: `python -m tests.house.figures`, for this tree, or for another: `… /path/to/it`."""

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import grimp

from tests.house.exceptions import STANDING_ALONE
from tests.house.source_tree import ROOT, SourceFile, SourceTree

SHORT_LINES: Final = 40
MEASURED: Final = ("api", "persistence")
FIELD: Final = re.compile(r"^ {4}model_version: ", re.MULTILINE)


def figures(tree: SourceTree) -> Iterator[tuple[str, str]]:
    sources = [file for file in tree.sources if not file.is_test]
    lines = sum(file.length for file in tree.sources)
    shown = {folder: len(entries) for folder, entries in tree.folders().items() if not folder.startswith("tests")}
    largest = max(shown, key=lambda folder: shown[folder])
    silenced = sum(len(re.findall(r"# (?:noqa|type: ignore)", file.text)) for file in tree.sources)
    declared = [file.path for file in sources for _ in FIELD.findall(file.text)]
    yield "folders at the top, with Python in them", str(sum("/" not in folder for folder in tree.folders()))
    yield "entries of the largest folder, tests left out", f"{shown[largest]} ({largest})"
    for name in MEASURED:
        floors, edges, modules = graph_of(name, tree)
        yield f"import graph of {name}", f"{modules} modules, {edges} edges, {floors} floors"
    yield f"modules below {SHORT_LINES} lines with one user", str(sum(1 for _ in _short_with_one_user(tree)))
    yield "suppressions in a thousand lines", f"{1000 * silenced / lines:.2f} ({silenced} in {lines})"
    yield "declarations of model_version", f"{len(declared)} ({', '.join(declared)})"
    yield "class names that exist twice", str(len(_twice(sources)))
    core = [file for file in sources if not file.path.startswith(STANDING_ALONE)]
    yield "… without the client and the sandbox", str(len(_twice(core)))


def _short_with_one_user(tree: SourceTree) -> Iterator[str]:
    for file in tree.sources:
        users = {path for path in tree.importers.get(file.module, ()) if not path.startswith("tests/")}
        is_ours = not file.is_test and not file.path.endswith(("__init__.py", "__main__.py"))
        if is_ours and file.length < SHORT_LINES and len(users) == 1:
            yield file.path


def _twice(sources: list[SourceFile]) -> list[str]:
    declared: Mapping[str, list[str]] = defaultdict(list)
    for file in sources:
        for name in file.classes():
            declared[name].append(file.path)
    return sorted(name for name, paths in declared.items() if len(paths) > 1)


def graph_of(name: str, tree: SourceTree) -> tuple[int, int, int]:
    """Floors, edges and modules of a package. Modules that import each other are on one floor."""
    package = name if (tree.root / name).is_dir() else f"aijobs.{name}"
    graph = grimp.build_graph(package.partition(".")[0], cache_dir=None)
    modules = graph.find_descendants(package) | {package}
    below = {module: graph.find_modules_directly_imported_by(module) & modules for module in modules}
    return floors_of(below), sum(map(len, below.values())), len(modules)


def floors_of(below: Mapping[str, set[str]]) -> int:
    """The longest path of imports; each cycle counts once."""
    reached = {module: _reached(module, below) for module in below}
    height: dict[str, int] = {}
    for module in sorted(below, key=lambda module: len(reached[module])):
        lower = [height[other] for other in reached[module] if module not in reached[other]]
        height[module] = 1 + max(lower, default=0)
    return max(height.values())


def _reached(module: str, below: Mapping[str, set[str]]) -> set[str]:
    found, waiting = set[str](), [module]
    while waiting:
        new = below[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def main(root: Path) -> None:
    sys.path.insert(0, str(root))  # its packages are read, not those of this tree
    commit = subprocess.run(["git", "describe", "--always"], cwd=root, capture_output=True, text=True, check=True)
    print(f"at {commit.stdout.strip()}")
    for name, value in figures(SourceTree(root)):
        print(f"  {name}: {value}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT)
