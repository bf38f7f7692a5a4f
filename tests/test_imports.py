"""Imports go down only: every room of ``odqa`` has a floor and imports from lower floors.

Imports inside functions and those for type checkers count like any other. What does not count:
names that are looked up as strings (the registry's components, the lazy exports of a package), and
the package ``odqa`` itself where only ``__version__`` or ``__file__`` is used, for it is imported
before any of its parts anyway.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = "odqa"
PACKAGE = Path(__file__).resolve().parent.parent / ROOT

#: Rooms by floor, the lowest first; of several names that fit a module, the longest is its room.
#: Rooms of one floor do not import each other.
FLOORS: list[tuple[str, ...]] = [
    ("escapes", "types", "suggest", "progress", "explanation", "threads", "drafts"),
    ("errors", "bounds"),
    ("lazy_exports", "html_view", "package_files"),
    ("meters", "ranking", "data.ids", "data.id_index"),
    ("cache",),
    # Only a corpus is part of the contract of components; the rest of data stands above it.
    ("data.corpus",),
    ("interfaces",),
    ("code_identity",),
    ("registry", "devices", "data", "generation.config", "generation.templates"),
    ("metrics",),
    ("spec",),
    ("retro.model",),
    ("retro.create",),
    ("checkpoints",),
    ("encoders", "models"),
    ("indexes", "prepared_component", "generation", "word_models"),
    ("retro.offline",),
    ("retro.rank",),
    ("retro.read",),
    ("retro",),
    ("rewriters", "retrievers", "fusion", "rankers", "readers"),
    # Training knows no execution, and execution no training.
    ("execution", "training"),
    ("comparison",),
    ("tracing",),
    ("regression", "report", "tracking", "analysis"),
    ("stages",),
    ("api", "testing"),
    ("cli", "odqa"),
]

Edge = tuple[str, str]


def modules(package: Path) -> dict[str, ast.Module]:
    """The modules of a package, parsed, by their names within it; the package goes by its own."""
    trees = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        trees[name or package.name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return trees


def imports(name: str, tree: ast.Module) -> set[Edge]:
    """Which modules one module imports."""
    dotted_names = {dotted for node in ast.walk(tree) for dotted in _dotted(node)}
    return {(name, _module(dotted)) for dotted in dotted_names} - {(name, name)}


def _dotted(node: ast.AST) -> Iterator[str]:
    """What a statement or expression takes from odqa, ``odqa.errors.OdqaError`` and such."""
    dotted_names: list[str] = []
    if isinstance(node, ast.Import):
        # `import odqa` alone uses nothing; uses of it are written `odqa.something` later.
        dotted_names = [alias.name for alias in node.names if alias.name != ROOT]
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "a relative import hides where it goes"
        dotted_names = [f"{node.module}.{alias.name}" for alias in node.names]
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        dotted_names = [f"{node.value.id}.{node.attr}"]
    for dotted in dotted_names:
        package, _, inner = dotted.partition(".")
        if package == ROOT and not inner.startswith("__"):
            yield dotted


def _module(dotted: str) -> str:
    """The module that a dotted name is, or is in."""
    inner = dotted.removeprefix(f"{ROOT}.")
    while inner and inner not in MODULES:
        inner = inner.rpartition(".")[0]
    return inner or ROOT


def room(module: str) -> str:
    """The room of a module: the longest name of the table that it begins with."""
    rooms = [name for floor in FLOORS for name in floor]
    matches = [name for name in rooms if module == name or module.startswith(f"{name}.")]
    assert matches, f"{module} is on no floor: give it one in {Path(__file__).name}"
    return max(matches, key=len)


def wrong_ways(edges: set[Edge]) -> set[Edge]:
    """Imports that go up, or to another room of the same floor."""
    height = {name: n for n, floor in enumerate(FLOORS) for name in floor}
    wrong = set()
    for edge in edges:
        importing, imported = (room(module) for module in edge)
        if importing != imported and height[imported] >= height[importing]:
            wrong.add(edge)
    return wrong


def circular(edges: set[Edge]) -> set[Edge]:
    """Imports that lie on a circle: the importing module can be reached from the imported one."""
    imported_by: dict[str, set[str]] = {}
    for importing, imported in edges:
        imported_by.setdefault(importing, set()).add(imported)
        imported_by.setdefault(imported, set())
    reached: dict[str, set[str]] = {}
    for start in imported_by:
        reachable: set[str] = set()
        queue = [start]
        while queue:
            unvisited = imported_by[queue.pop()] - reachable
            reachable |= unvisited
            queue += unvisited
        reached[start] = reachable
    return {(a, b) for a, b in edges if a in reached[b]}


MODULES = modules(PACKAGE)
EDGES = {edge for name, tree in MODULES.items() for edge in imports(name, tree)}


def test_imports_go_down() -> None:
    assert wrong_ways(EDGES) == set()


def test_there_are_no_circles() -> None:
    assert circular(EDGES) == set()


def test_every_module_has_a_floor() -> None:
    for module in MODULES:
        room(module)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("types", "import odqa.errors"),
        ("types", "from odqa import cache"),
        ("cache", "import odqa\nodqa.compare()"),
        ("indexes.dense", "def lazy():\n    from odqa.retro.rank.scorer import RetroScorer"),
        ("data.corpus", "if TYPE_CHECKING:\n    from odqa.data.dataset import Dataset"),
        ("retrievers.bm25", "from odqa.readers.merge import merge"),
        ("retro.model.model", "from odqa.retro import RetroScorer"),
    ],
)
def test_a_wrong_import_is_noticed(module: str, line: str) -> None:
    assert len(wrong_ways(imports(module, ast.parse(line)))) == 1


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("readers.merge", "from odqa.types import Answer"),
        ("readers.merge", "from odqa.readers.windows import windows"),
        ("retro.rank.scorer", "from odqa.retro.offline.checkpoint import RetroCheckpoint"),
        ("comparison.manifest", "import odqa\nprint(odqa.__version__)"),
        ("spec.locate", "from odqa import __version__"),
    ],
)
def test_a_right_import_is_let_pass(module: str, line: str) -> None:
    assert wrong_ways(imports(module, ast.parse(line))) == set()


def test_a_circle_is_noticed() -> None:
    edges = {("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "e")}
    assert circular(edges) == {("a", "b"), ("b", "c"), ("c", "a")}
