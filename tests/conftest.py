"""Fixtures every test may use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.comparison.result import Comparison

# Two threads per test process fight each other under xdist; one is faster in sum.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real Natural Questions, next to the checkout; tests skip without it."""
    folder = Path(os.environ.get("ODQA_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared data beside the checkout ({folder.name} is absent)")
    return folder


@pytest.fixture(scope="session")
def colbert_ai_works() -> None:
    """Skips where colbert-ai cannot work, and only there: elsewhere its absence is a failure."""
    if int(version("transformers").split(".")[0]) >= 5:
        pytest.skip("colbert-ai stops at transformers 4.57")


@pytest.fixture(scope="session")
def colbert_ai_compiled(colbert_ai_works: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    """colbert-ai with its C++, compiled once for all processes; skips where a tool is missing."""
    from odqa.cache import Cache
    from odqa.indexes.colbert_ai import load_colbert_ai, missing_tool

    if tool := missing_tool():
        pytest.skip(f"{tool} is missing")
    load_colbert_ai(Cache(tmp_path_factory.getbasetemp().parent))


@pytest.fixture(scope="module")
def cache_of_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cache]:
    """A cache for whole models, gone with its module: each embedded one takes 90 MB there."""
    from odqa.cache import Cache

    folder = tmp_path_factory.mktemp("models")
    yield Cache(folder)
    shutil.rmtree(folder)


@pytest.fixture
def toys() -> Iterator[None]:
    """Components that count words, registered for one test."""
    from odqa.testing.toys import toy_components

    with toy_components():
        yield


#: Compositions of the toys. What their stages find is counted by hand in the tests.
COMPOSED = (
    "{name: plain, retriever: {type: overlap, k: 3}, reader: {type: first_word}}",
    """
    name: good
    rewriter: {type: keywords, keep_question: true}
    retriever:
      fuse:
      - [{type: overlap, k: 3, id: wide}, {type: overlap, k: 1, id: narrow}]
      - {type: overlap, weight: 0, k: 2, id: blind}
      k: 3
      id: both
    ranker:
    - {type: overlap, k: 2, alpha: 0.1, id: late}
    - {type: overlap, k: 1, weight: 2.0, id: cross}
    reader: {type: first_word}
    """,
    # Rankers of weight 0 order by id.
    """
    name: drops
    retriever:
      fuse:
      - [{type: overlap, k: 3, id: wide}, {type: overlap, k: 1, weight: 0, id: narrow}]
      - {type: overlap, weight: 0, k: 2, id: blind}
    ranker:
    - {type: overlap, k: 2, weight: 0, id: late}
    - {type: overlap, k: 1, weight: 0, id: cross}
    reader: {type: first_word}
    """,
)


@pytest.fixture(scope="session")
def _composed() -> Comparison:
    from odqa.cache import Cache
    from odqa.comparison.run import run_comparison
    from odqa.spec.pipeline import parse_pipeline
    from odqa.testing.toys import toy_components, toy_dataset

    with toy_components():
        specs = [parse_pipeline(text) for text in COMPOSED]
        return run_comparison(specs, toy_dataset(), Cache(enabled=False), latency=2)


@pytest.fixture
def composed(toys: None, _composed: Comparison) -> Comparison:
    """Three pipelines over the toys: a plain one, a good and a bad composition."""
    return _composed
