"""Every component type has a card that says what its class says, and whose command works."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest

from odqa import registry
from odqa.spec.benchmark import is_benchmark, load_benchmark
from odqa.spec.pipeline import PipelineSpec, load_pipelines

ROOT = Path(__file__).resolve().parent.parent
HEADINGS = ["Source", "Formula", "Place on the map", "Cost", "When to use it", "When not", "Try it"]
BUILT_IN = [entry for entry in registry.entries() if entry.origin == "odqa"]
IDS = [f"{entry.role}-{entry.name}" for entry in BUILT_IN]
PLACES = {
    "representation": ["intra-passage dynamic", "all-to-all dynamic", "static", "none"],
    "interaction": ["query-document", "all-to-all", "none"],
}


def _script() -> ModuleType:
    path = ROOT / "scripts" / "component_cards.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = _script()
CARDS = sorted(path for path in SCRIPT.CARDS.glob("*.md") if path != SCRIPT.INDEX)


@pytest.mark.parametrize("entry", BUILT_IN, ids=IDS)
def test_every_type_has_a_card(entry: registry.Entry) -> None:
    card = SCRIPT.card_of(entry)
    assert card.is_file(), f"write {card.relative_to(ROOT)}"
    title = card.read_text(encoding="utf-8").partition("\n")[0]
    assert title == f"# {entry.name} ({entry.role})"


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.stem)
def test_a_card_has_all_headings_in_order_and_is_short(card: Path) -> None:
    text = card.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert len(text.splitlines()) <= 60
    about = re.split(r"^## ", text, flags=re.MULTILINE)[0].splitlines()[1:]
    assert "".join(about).strip(), "say in a paragraph what it is"
    assert all(SCRIPT.section(card, heading) for heading in HEADINGS)


@pytest.mark.parametrize("entry", BUILT_IN, ids=IDS)
def test_the_place_on_the_map_is_that_of_the_class(entry: registry.Entry) -> None:
    kind, text = entry.load(), SCRIPT.section(SCRIPT.card_of(entry), "Place on the map")
    for axis, names in PLACES.items():
        match = re.search(rf"{axis}\W+(?:is\W+)?({'|'.join(names)})", text, re.IGNORECASE)
        assert match, f"say '{axis.capitalize()}: …'"
        assert match[1] == getattr(kind, axis)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.stem)
def test_what_is_to_be_tried_can_be(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Specs exist, and every ``--set`` fits them."""
    monkeypatch.chdir(ROOT)
    text = card.read_text(encoding="utf-8").split("## Try it")[1]
    block = re.search(r"```\w*\n(.+?)```", text, re.DOTALL)
    lines = block[1].splitlines() if block else re.findall(r"`(odqa [^`]+)`", text)
    commands = [command.strip() for line in lines for command in line.split("&&")]
    assert any(command.startswith("odqa ") for command in commands), "give a command"
    for command in commands:
        words = shlex.split(command)
        if words[:1] == ["odqa"] and words[1] in ("run", "compare"):
            refs, overrides = _arguments(words[2:])
            if len(refs) == 1 and is_benchmark(refs[0]):
                load_benchmark(refs[0], overrides)
            else:
                load_pipelines(refs, overrides)


def _arguments(words: list[str]) -> tuple[list[str], list[str]]:
    """Specs, and values of ``--set``; other options have one value each, or none."""
    refs, overrides, words = list[str](), list[str](), list(words)
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            refs.append(word)
        elif word == "--set":
            overrides.append(words.pop(0))
        elif words and not words[0].startswith("-"):
            words.pop(0)
    return refs, overrides


def test_the_index_lists_every_type() -> None:
    assert SCRIPT.INDEX.read_text(encoding="utf-8") == SCRIPT.index(), (
        "run python scripts/component_cards.py"
    )


@pytest.mark.parametrize("entry", BUILT_IN, ids=IDS)
def test_a_paper_is_named_or_said_to_be_missing(entry: registry.Entry) -> None:
    card = SCRIPT.card_of(entry)
    named = SCRIPT.paper(card)
    assert re.search(r"(19|20)\d\d$", named) or SCRIPT.section(card, "Source").startswith(
        "No paper"
    )


#: What they look up is a file of another system.
FROM_FILES = {("ranker", "run"), ("rewriter", "queries")}


def test_every_type_is_in_a_pipeline() -> None:
    specs: list[PipelineSpec] = []
    for path in [*ROOT.glob("pipelines/**/*.yaml"), *ROOT.glob("eval/**/*.yaml")]:
        if path.parent.name == "recipes" or path.name.endswith(".expected.yaml"):
            continue
        if is_benchmark(path):
            specs += load_benchmark(path).specs
        else:
            specs += load_pipelines([path])
    used = {(stage.role, stage.type) for spec in specs for stage in spec.stages}
    names = {(entry.role, entry.name) for entry in BUILT_IN}
    assert names - used == FROM_FILES & names, "name each in a pipeline of pipelines/ or eval/"
