"""What documents say is true: their examples run, their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import odqa
from odqa.interfaces import Component, Fusion, Ranker, Reader, Retriever, Rewriter
from odqa.testing import conformance
from odqa.testing.toys import QUESTIONS, toy_dataset
from odqa.types import Hit

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "eval").rglob("*.md")])
GUIDE = (ROOT / "docs" / "new-component.md").read_text(encoding="utf-8")
EXAMPLES = [block for block in re.findall(r"```python\n(.*?)```", GUIDE, re.S) if "class " in block]


def component_of(source: str) -> Component[Any]:
    """The component of an example, prepared on the toy corpus."""
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(source, "example", "exec"), names)
    kind = next(
        value
        for value in reversed(names.values())
        if isinstance(value, type)
        and issubclass(value, Component)
        and value.__module__ == "example"
    )
    component = kind(kind.Config())
    component.prepare(toy_dataset().corpus, odqa.Cache(enabled=False))
    return component


@pytest.mark.parametrize("source", EXAMPLES, ids=lambda s: re.findall(r"class (\w+)\(", s)[-1])
def test_every_example_is_short_and_keeps_the_contract(source: str) -> None:
    assert len(source.splitlines()) <= 30
    component = component_of(source)
    hits = [Hit(f"p{n}", 4.0 - n) for n in range(1, 5)]
    match component:
        case Rewriter():
            conformance.check_rewriter(component, QUESTIONS)
        case Retriever():
            conformance.check_retriever(component, QUESTIONS, 4)
        case Fusion():
            conformance.check_fusion(component, [hits[:3], hits[1:]])
        case Ranker():
            conformance.check_ranker(component, QUESTIONS, [hits] * 3)
        case _:
            assert isinstance(component, Reader)
            conformance.check_reader(component, QUESTIONS, [hits] * 3)


def test_there_is_an_example_of_every_role() -> None:
    bases = (Rewriter, Retriever, Fusion, Ranker, Reader)
    kinds = [type(component_of(source)) for source in EXAMPLES]
    assert all(any(issubclass(kind, base) for kind in kinds) for base in bases)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
