"""A short version of ``eval/reliability/fuzz_checkpoints.py``."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval.reliability.fuzz_checkpoints import (
    damage,
    fuzz,
    layouts,
    load_and_run,
    mutated,
    read_everything,
    settings_files,
)
from odqa.errors import OdqaError


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return layouts(tmp_path_factory.mktemp("layouts"))


@pytest.fixture(
    params=["sentence", "plain", "colbert", "pylate", "cross-encoder", "reader", "retro"]
)
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.param


def test_what_is_damaged_was_sound(folders: dict[str, Path], kind: str) -> None:
    read_everything(folders[kind])
    load_and_run(kind, folders[kind])


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
def test_damaged_settings_are_read_or_refused(
    folders: dict[str, Path], kind: str, seed: int
) -> None:
    before = damage(folders[kind], random.Random(seed), weights=False)
    try:
        read_everything(folders[kind])
    except OdqaError as error:
        assert "\n" not in str(error)
    finally:
        for path, content in before.items():
            path.write_bytes(content)


def test_damaged_models_are_loaded_or_refused() -> None:
    outcomes = fuzz(0, loads=56, seed=7)
    assert sum(outcomes.values()) == 56
    # Both happen: the damage is neither harmless nor always the end.
    assert sum(n for outcome, n in outcomes.items() if outcome.endswith("refused")) > 10
    assert sum(n for outcome, n in outcomes.items() if outcome.endswith("read")) > 3


def test_most_damage_is_still_json(folders: dict[str, Path]) -> None:
    """Otherwise little would be tested but the reading of JSON."""
    rng, sound = random.Random(1), 0
    text = settings_files(folders["sentence"])[0].read_text("utf-8")
    for _ in range(100):
        try:
            sound += json.loads(mutated(text, rng)) is not None
        except (ValueError, RecursionError):
            continue
    assert sound > 70
