"""Whole checkpoints are told from damaged ones, and a save is finished or has left nothing."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from odqa.errors import RunError
from odqa.training.trainer.checkpoints import DRAFT, MANIFEST, Checkpoints

FILES = ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json")


def write(checkpoints: Checkpoints, step: int, best: int) -> None:
    with checkpoints.saving(step) as draft:
        folder = draft / f"checkpoint-{step}"
        folder.mkdir()
        save_file({"a": torch.full((50,), float(step))}, folder / FILES[0])
        for name in FILES[1:4]:
            torch.save({"step": torch.full((50,), step)}, folder / name)
        state = {"global_step": step, "best_global_step": best, "log_history": []}
        (folder / FILES[4]).write_text(json.dumps(state))


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    checkpoints = Checkpoints(tmp_path / "checkpoints", "this")
    for step in (2, 4):
        write(checkpoints, step, best=2)
    return checkpoints


def test_a_finished_save_leaves_no_draft(checkpoints: Checkpoints) -> None:
    assert checkpoints.latest() == checkpoints.path(4)
    assert checkpoints.steps() == [4, 2]
    assert not (checkpoints.folder / DRAFT).exists()
    assert {path.name for path in checkpoints.path(2).iterdir()} == {*FILES, MANIFEST}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "damage"),
    [(name, damage) for name in FILES for damage in (cut, flip, Path.unlink)] + [(MANIFEST, cut)],
)
def test_every_damage_of_every_file_is_seen(
    checkpoints: Checkpoints,
    name: str,
    damage: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    damage(checkpoints.path(4) / name)
    with caplog.at_level(logging.WARNING):
        assert checkpoints.latest() == checkpoints.path(2)
    assert [f"{checkpoints.path(4)} is removed: " in message for message in caplog.messages] == [
        True
    ]
    assert checkpoints.steps() == [2]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [cut, Path.unlink])
def test_checkpoints_of_0_1_0_are_read_instead(
    checkpoints: Checkpoints, name: str, damage: Callable[[Path], None]
) -> None:
    for step in (2, 4):
        (checkpoints.path(step) / MANIFEST).unlink()
    assert checkpoints.latest() == checkpoints.path(4)
    damage(checkpoints.path(4) / name)
    assert checkpoints.latest() == checkpoints.path(2)


def test_a_checkpoint_needs_the_best_one_before_it(checkpoints: Checkpoints) -> None:
    cut(checkpoints.path(2) / FILES[0])
    assert checkpoints.latest() is None
    assert checkpoints.steps() == []


def test_checkpoints_of_another_recipe_are_refused_not_removed(checkpoints: Checkpoints) -> None:
    other = Checkpoints(checkpoints.folder, "another")
    with pytest.raises(RunError, match="is of another recipe; name another folder"):
        other.latest()
    for step in (2, 4):
        (checkpoints.path(step) / MANIFEST).unlink()
    with pytest.raises(RunError, match="does not say of which recipe it is"):
        checkpoints.latest(recipe_is_known=False)
    assert checkpoints.steps() == [4, 2]


def test_a_save_that_fails_is_one_line_and_leaves_nothing(checkpoints: Checkpoints) -> None:
    def fail() -> None:
        with checkpoints.saving(6) as draft:
            (draft / "checkpoint-6").mkdir()
            raise OSError(28, "No space left on device")

    with pytest.raises(
        RunError, match=r"checkpoint-6: cannot be written \(No space left.*--resume"
    ):
        fail()
    assert checkpoints.latest() == checkpoints.path(4)
    assert not (checkpoints.folder / DRAFT).exists()


def test_only_what_is_needed_is_kept(checkpoints: Checkpoints) -> None:
    write(checkpoints, 6, best=2)
    checkpoints.keep({2, 6})
    assert {path.name for path in checkpoints.folder.iterdir()} == {"checkpoint-2", "checkpoint-6"}
