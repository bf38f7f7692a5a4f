"""What ``odqa`` and its rooms hand out, and that importing them costs little."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import odqa
from odqa.lazy_exports import lazy_exports

ROOT = Path(odqa.__file__).parent
TEXTS = {
    ".".join(path.parent.relative_to(ROOT.parent).parts): path.read_text(encoding="utf-8")
    for path in (ROOT / "__init__.py", *sorted(ROOT.glob("*/__init__.py")))
}
#: `odqa` and the rooms that hand out names; those that import a name when it is first used.
PACKAGES = [name for name, text in TEXTS.items() if "__all__" in text]
LAZY = [name for name in PACKAGES if "lazy_exports(" in TEXTS[name]]
#: What users are shown: notebooks, and documents with code.
SHOWN = sorted(
    path
    for pattern in ("notebooks/*.ipynb", "*.md", "docs/*.md")
    for path in Path(__file__).resolve().parent.parent.glob(pattern)
)
HEAVY = ("torch", "transformers", "pandas", "pyarrow", "scipy", "matplotlib", "mlflow", "jnius")


@pytest.mark.parametrize("name", PACKAGES)
def test_every_export_is_there(name: str) -> None:
    package = import_module(name)
    assert len(set(package.__all__)) == len(package.__all__)
    for export in package.__all__:
        assert getattr(package, export) is not None
    assert set(package.__all__) <= set(dir(package))


@pytest.mark.parametrize("name", LAZY)
def test_no_export_is_named_as_a_module(name: str) -> None:
    package = import_module(name)
    folder = Path(str(package.__file__)).parent
    assert {path.stem for path in folder.iterdir()} & set(package.__all__) == set()


@pytest.mark.parametrize("name", LAZY)
def test_type_checkers_see_what_is_there(name: str) -> None:
    package = import_module(name)
    (block,) = [node for node in ast.parse(TEXTS[name]).body if isinstance(node, ast.If)]
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    seen = {
        alias.name: str(node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(seen) == set(package.__all__)
    for export, module in seen.items():
        assert getattr(package, export) is getattr(import_module(module), export)


@pytest.mark.parametrize("name", PACKAGES)
def test_importing_it_is_cheap(name: str) -> None:
    code = f"import sys, {name}; print(sorted({set(HEAVY)!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def taken(code: str) -> Iterator[tuple[str, str]]:
    """(package, name) of everything that code takes from odqa."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            # `import odqa.rankers` would make attributes of what is not handed out.
            yield from ((alias.name, "") for alias in node.names if alias.name[:5] == "odqa.")
        elif isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "odqa":
            yield from ((str(node.module), alias.name) for alias in node.names)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "odqa":
            yield "odqa", node.attr


def refused(code: str) -> list[str]:
    """What code takes from odqa that is not handed out."""
    return [
        f"{package} {name}".strip()
        for package, name in taken(code)
        # Every component is there by its name, also one that is registered at run time.
        if package != "odqa.stages"
        and not (package in PACKAGES and name in import_module(package).__all__)
    ]


def codes(path: Path) -> list[str]:
    """The code of a notebook, or of a document."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return re.findall(r"```python\n(.*?)```", text, re.S)
    cells = json.loads(text)["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.name)
def test_what_users_are_shown_takes_only_what_is_handed_out(path: Path) -> None:
    assert [each for code in codes(path) for each in refused(code)] == []


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("from odqa.rankers.colbert import ColbertRanker", "odqa.rankers.colbert ColbertRanker"),
        ("from odqa.rankers import reranked", "odqa.rankers reranked"),
        ("from odqa import api", "odqa api"),
        ("import odqa.rankers", "odqa.rankers"),
        ("import odqa\nodqa.registry.get('ranker', 'retro')", "odqa registry"),
        ("from odqa.registry import get", "odqa.registry get"),
    ],
)
def test_anything_else_is_noticed(code: str, what: str) -> None:
    assert refused(code) == [what]


def test_an_unknown_export_is_refused() -> None:
    get, _ = lazy_exports("odqa", {"types": ("Hit",)})
    assert get("Hit") is odqa.Hit
    with pytest.raises(AttributeError, match="module 'odqa' has no attribute 'nothing'"):
        get("nothing")
    with pytest.raises(AttributeError, match=r"module 'odqa\.rankers' has no attribute 'nothing'"):
        import_module("odqa.rankers").nothing  # noqa: B018
