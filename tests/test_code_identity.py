"""The key of a component from outside odqa follows its code, and nothing else."""

from __future__ import annotations

import importlib
import linecache
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from odqa import registry
from odqa.cache import Cache
from odqa.code_identity import code_identity
from odqa.comparison.run import run_comparison
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.toys import toy_components, toy_dataset
from odqa.types import Hit

ROOT = Path(__file__).resolve().parents[1]
#: A package of somebody else: a base class, helpers, and a ranker that uses them.
BASE = """\
from odqa.interfaces import Ranker, RankerConfig


class Base(Ranker[RankerConfig]):
    Config = RankerConfig

    def prepare(self, corpus, cache):
        self.corpus = corpus

    def scaled(self, length):
        return -1.0 * length
"""
HELPERS = """\
LONGEST = 500


def clipped(length):
    if length in {"none", "few", "many"}:
        return 0.0
    return min(length, LONGEST)


def unused(length):
    return 0
"""
RANKER = """\
import functools
import re

from shop import helpers
from shop.base import Base
from odqa.types import Hit

WORD = re.compile(r"[a-z0-9]+", re.IGNORECASE)
SYNONYMS = {"river": ("stream",), "town": ("city", "village")}
STOPPED = frozenset({"the", "of", "a"})
STEP = 2.0
SHIFT = 0.5
half = functools.partial(pow, 0.5)


def noted(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)

    return inner


@functools.lru_cache
def words(text):
    found = [word for word in WORD.findall(text) if word not in {"on", "at", "in", "by"}]
    return tuple(word for word in found if word not in STOPPED)


class Weights:
    short = 3.0


WEIGHTS = Weights()


class Shortest(Base):
    step = STEP
    order = sorted

    def rank(self, questions, hits, k):
        return [
            sorted((self.hit(h) for h in each), key=lambda h: (-h.score, h.passage_id))[:k]
            for each in hits
        ]

    @noted
    def hit(self, h, *, shift=SHIFT):
        text = self.corpus.get(h.passage_id).text
        length = len(words(text)) * self.factor + self.bonus + shift
        return Hit(h.passage_id, self.scaled(helpers.clipped(length)) + self.sign(half(1)))

    @property
    def factor(self):
        return 1.0 if SYNONYMS else WEIGHTS.short

    @functools.cached_property
    def bonus(self):
        return 0.25

    @staticmethod
    def sign(value):
        return +value


def other():
    return 1
"""
FILES = {"base": BASE, "helpers": HELPERS, "ranker": RANKER}
#: What is edited, in which file; each must give another key.
EDITS = {
    "its method": ("ranker", "-h.score, h.passage_id", "h.score, h.passage_id"),
    "its property": ("ranker", "return 1.0 if", "return 2.0 if"),
    "its cached property": ("ranker", "return 0.25", "return 0.5"),
    "its static method": ("ranker", "return +value", "return -value"),
    "its own constant": ("ranker", "order = sorted", "order = reversed"),
    "a constant that its own is made of": ("ranker", "STEP = 2.0", "STEP = 3.0"),
    "a constant in a function": ("ranker", '"of", "a"', '"of", "an"'),
    "a constant in a mapping": ("ranker", '"village"', '"hamlet"'),
    "a set in a helper": ("ranker", '"in", "by"', '"in", "up"'),
    "a default": ("ranker", "SHIFT = 0.5", "SHIFT = 0.75"),
    "a regular expression": ("ranker", "[a-z0-9]+", "[a-z]+"),
    "the flags of an expression": ("ranker", ", re.IGNORECASE", ""),
    "a partial function": ("ranker", "partial(pow, 0.5)", "partial(pow, 0.25)"),
    "its decorator": ("ranker", "return function(*args)", "return function(*args[:9])"),
    "a cached helper": ("ranker", "tuple(word for", "tuple(word.lower() for"),
    "the class of an object": ("ranker", "short = 3.0", "short = 4.0"),
    "a helper in a module": ("helpers", "min(length", "max(length"),
    "a constant of a helper": ("helpers", "LONGEST = 500", "LONGEST = 400"),
    "a function from elsewhere": (
        "ranker",
        "import functools\n",
        "import functools\nfrom math import sqrt as pow\n",
    ),
    "its base class": ("base", "return -1.0 * length", "return -2.0 * length"),
}
#: What it does not use: the same key.
OTHERS = {
    "another function": ("ranker", "return 1\n", "return 2\n"),
    "another function of a module": ("helpers", "return 0\n", "return 1\n"),
    "white space between functions": ("ranker", "\n\n\ndef other", "\n\n\n\n\ndef other"),
    "a comment at the end": ("ranker", "return 1\n", "return 1\n\n# the end\n"),
}


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """A function that writes the package, with an edit, and imports its ranker anew."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def forget() -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
            del sys.modules[name]
        importlib.invalidate_caches()

    def write(file: str = "", old: str = "", new: str = "") -> Any:
        forget()
        (tmp_path / "shop").mkdir(exist_ok=True)
        (tmp_path / "shop" / "__init__.py").touch()
        for name, text in FILES.items():
            assert file != name or text.count(old) == 1
            edited = text.replace(old, new) if file == name else text
            (tmp_path / "shop" / f"{name}.py").write_text(edited, encoding="utf-8")
        linecache.checkcache()
        return importlib.import_module("shop.ranker").Shortest

    yield write
    forget()


_CELL = count(1)


def run_cells(*cells: str, remembered: bool = True) -> dict[str, Any]:
    """What a notebook's namespace is after these cells; ``remembered`` as IPython does it."""
    space: dict[str, Any] = {"__name__": "__main__"}
    for text in cells:
        name = f"<ipython-input-{next(_CELL)}>"
        if remembered:
            linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        exec(compile(text, name, "exec", dont_inherit=True), space)
    return space


def as_cells(file: str = "", old: str = "", new: str = "") -> list[str]:
    """The same package as three cells of a notebook."""
    texts = {name: text.replace(old, new) if file == name else text for name, text in FILES.items()}
    texts["ranker"] = texts["ranker"].replace("helpers.clipped", "clipped")
    lines = texts["ranker"].splitlines(keepends=True)
    texts["ranker"] = "".join(line for line in lines if not line.startswith("from shop"))
    return list(texts.values())


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_another_key(written: Callable[..., Any], edit: str) -> None:
    before = code_identity(written())
    assert set(before) == {"code"}
    assert code_identity(written(*EDITS[edit])) != before
    assert code_identity(written()) == before


@pytest.mark.parametrize("other", OTHERS)
def test_what_it_does_not_use_is_the_same_key(written: Callable[..., Any], other: str) -> None:
    before = code_identity(written())
    assert code_identity(written(*OTHERS[other])) == before


@pytest.mark.parametrize("remembered", [True, False], ids=["a cell", "no source at all"])
@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_in_a_notebook_is_another_key(edit: str, remembered: bool) -> None:
    def key(*edited: str) -> object:
        return code_identity(run_cells(*as_cells(*edited), remembered=remembered)["Shortest"])

    assert key(*EDITS[edit]) != key() == key()


@pytest.mark.parametrize("remembered", [True, False], ids=["a cell", "no source at all"])
@pytest.mark.parametrize("other", OTHERS)
def test_what_it_does_not_use_in_a_notebook_is_the_same_key(other: str, remembered: bool) -> None:
    def key(*edited: str) -> object:
        return code_identity(run_cells(*as_cells(*edited), remembered=remembered)["Shortest"])

    assert key(*OTHERS[other]) == key()


def test_an_edit_that_was_not_imported_again_is_no_new_code(
    written: Callable[..., Any], tmp_path: Path
) -> None:
    """Or the results of the old code would be kept under the key of the new one."""
    before = written()
    key = code_identity(before)
    file = tmp_path / "shop" / "ranker.py"
    file.write_text(RANKER.replace("return 0.25", "return 0.5"), encoding="utf-8")
    os.utime(file, (1, 1))
    linecache.checkcache()
    stale = code_identity(before)
    assert stale != code_identity(written("ranker", "return 0.25", "return 0.5"))
    assert code_identity(written()) == key


def test_a_long_expression_counts_whole() -> None:
    def key(pattern: str) -> object:
        cell = f"""
import re
from odqa.interfaces import Ranker, RankerConfig
WORDS = re.compile("{pattern}")
class Long(Ranker[RankerConfig]):
    Config = RankerConfig
    def rank(self, questions, hits, k):
        return [WORDS.findall(question.text) for question in questions]
"""
        return code_identity(run_cells(cell)["Long"])

    long = "|".join(map(str, range(300)))
    assert key(long + "|x") != key(long + "|y")
    assert key(long + "|x") == key(long + "|x")


def test_code_that_ran_often_is_the_same_code(written: Callable[..., Any]) -> None:
    kind = written()
    before = code_identity(kind)
    for _ in range(100):  # Python adapts the instructions of what runs often
        kind.sign(1.0)
        sys.modules["shop.ranker"].words("the river")
    assert code_identity(kind) == before


SCRIPT = """
import sys
from odqa.code_identity import code_identity

sys.path.insert(0, sys.argv[1])
if sys.argv[2] == "file":
    from shop.ranker import Shortest
else:
    space = {"__name__": "__main__"}
    for name in sys.argv[3:]:
        exec(open(name).read(), space)
    Shortest = space["Shortest"]
print(code_identity(Shortest)["code"])
"""


@pytest.mark.parametrize("how", ["file", "cells"])
def test_another_process_finds_the_same_key(
    written: Callable[..., Any], tmp_path: Path, how: str
) -> None:
    here = code_identity(written())["code"]
    cells = [tmp_path / f"{n}.txt" for n in range(3)]
    for path, text in zip(cells, as_cells(), strict=True):
        path.write_text(text, encoding="utf-8")
    found = set()
    for seed in ("1", "2", "3"):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path), how, *map(str, cells)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(done.stdout.strip())
    assert len(found) == 1
    assert (found == {here}) == (how == "file")


@pytest.mark.parametrize("entry", list(registry.entries()), ids=lambda e: f"{e.role}-{e.name}")
def test_our_own_are_known_by_their_version(entry: registry.Entry) -> None:
    if entry.origin != "odqa":
        pytest.skip("of a plug-in")
    assert code_identity(entry.load()) == {}


def test_the_key_of_a_stage_holds_the_code(written: Callable[..., Any]) -> None:
    def hash_of(kind: Any) -> tuple[str, set[str]]:
        registry.register("ranker", "shortest", kind)
        try:
            spec = parse_pipeline("{name: x, retriever: {type: bm25}, ranker: {type: shortest}}")
            assert spec.ranker is not None
            return spec.hash, set(spec.ranker.identity())
        finally:
            registry.unregister("ranker", "shortest")

    before, keys = hash_of(written())
    assert keys == {"type", "version", "config", "code"}
    assert hash_of(written(*EDITS["its method"]))[0] != before == hash_of(written())[0]
    bm25 = parse_pipeline("{name: x, retriever: {type: bm25}}").retriever
    assert bm25 is not None and set(bm25.identity()) == {"type", "version", "config"}


def test_a_class_that_is_edited_and_run_again_gives_its_new_results(tmp_path: Path) -> None:
    cell = """
from odqa.interfaces import Ranker, RankerConfig
from odqa.types import Hit

def length(text):
    return len(text)

class Shortest(Ranker[RankerConfig]):
    Config = RankerConfig

    def prepare(self, corpus, cache):
        self.corpus = corpus

    def rank(self, questions, hits, k):
        scored = [
            [Hit(h.passage_id, -1.0 * length(self.corpus.get(h.passage_id).text)) for h in each]
            for each in hits
        ]
        return [sorted(each, key=lambda h: (-h.score, h.passage_id))[:k] for each in scored]
"""

    def ranked(text: str) -> list[Hit]:
        with toy_components():
            registry.register("ranker", "shortest", run_cells(text)["Shortest"])
            try:
                spec = parse_pipeline(
                    "{name: x, retriever: {type: overlap}, ranker: {type: shortest, k: 1}}"
                )
                found = run_comparison([spec], toy_dataset(), Cache(tmp_path))
            finally:
                registry.unregister("ranker", "shortest")
        reused = {cost.stage_id: cost.reused for cost in found.result("x").costs}
        seen.append(reused)
        return found.result("x").ranked["q1"]

    seen: list[dict[str, bool]] = []
    # "Nothing here" has 12 letters, "Seine water flows through Paris" 31, in 5 words.
    assert ranked(cell) == [Hit("p4", -12.0)]
    assert ranked(cell) == [Hit("p4", -12.0)]
    assert ranked(cell.replace("len(text)", "len(text.split())")) == [Hit("p4", -2.0)]
    assert ranked(cell.replace("-1.0 *", "+1.0 *")) == [Hit("p2", 40.0)]
    assert seen == [
        {"overlap": False, "shortest": False},
        {"overlap": True, "shortest": True},
        {"overlap": True, "shortest": False},
        {"overlap": True, "shortest": False},
    ]


def test_descriptors_without_a_module_are_no_obstacle() -> None:
    # Classes with __slots__ have member descriptors, whose __module__ cannot be read.
    source = """
from odqa.interfaces import Ranker, RankerConfig


class Slotted(Ranker[RankerConfig]):
    __slots__ = ("weights",)
    Config = RankerConfig

    def prepare(self, corpus, cache):
        self.weights = {}

    def rank(self, questions, hits, k):
        return hits
"""
    names: dict[str, Any] = {"__name__": "slotted"}
    exec(compile(source, "slotted", "exec"), names)
    assert len(code_identity(names["Slotted"])["code"]) == 64
