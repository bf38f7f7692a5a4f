"""Fixtures every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

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


@pytest.fixture
def colbert_ai_works() -> None:
    """Skips where colbert-ai cannot work, and only there: elsewhere its absence is a failure."""
    if int(version("transformers").split(".")[0]) >= 5:
        pytest.skip("colbert-ai stops at transformers 4.57")


@pytest.fixture
def toys() -> Iterator[None]:
    """Components that count words, registered for one test."""
    from odqa.testing.toys import toy_components

    with toy_components():
        yield
