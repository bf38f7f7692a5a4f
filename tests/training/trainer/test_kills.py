"""Trainings killed by SIGKILL at their writes; resumed, they end as if nothing had happened."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from filelock import FileLock

from odqa.errors import RunError
from odqa.testing.kills import killed_at
from odqa.training import tasks
from odqa.training.tasks.base import Task
from odqa.training.trainer.run import train


@pytest.fixture
def recipe(task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That of the tiny task, which needs none of the files it names."""
    content = json.loads(task.recipe.model_dump_json(exclude_none=True, exclude_defaults=True))
    content["data"] = dict.fromkeys(("root", "corpus", "questions", "qrels"), ".")
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")

    class Here(type(task)):  # type: ignore[misc]
        @classmethod
        def load(cls, recipe: Any) -> Task:
            return cls(recipe, task.data)

    monkeypatch.setattr(tasks, "task_class", lambda name: Here)
    return path


def contents(out: Path) -> dict[str, str]:
    """SHA-256 of what a training leaves to its user."""
    files = [out / "curve.json", out / "recipe.json", *sorted((out / "tiny").iterdir())]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def one_thread() -> Any:
    """A forked child has none of the threads that its parent computes with."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.usefixtures("one_thread")
def test_killed_at_its_writes_it_ends_the_same(recipe: Path, tmp_path: Path) -> None:
    expected = contents(train(recipe, tmp_path / "whole"))
    kills = 0
    # Every seventh write, from the lock and recipe.json to curve.json.
    for number in range(1, 1000, 7):
        out = tmp_path / f"killed-{number}"
        if not killed_at(number, out, lambda out=out: train(recipe, out)):  # type: ignore[misc]
            break
        kills += 1
        # Killed again, in the middle of what is left to do.
        killed_at(number // 2 + 1, out, lambda out=out: train(recipe, out, resume=True))  # type: ignore[misc]
        assert contents(train(recipe, out, resume=True)) == expected, f"killed at {number}"
        assert {path.name for path in out.iterdir()} == {
            *(".lock", "checkpoints", "curve.json", "recipe.json", "tiny")
        }
    assert kills >= 8


def test_a_run_is_not_started_twice(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train(recipe, out)
    before = contents(out)
    with pytest.raises(RunError, match="holds a run that has ended; name another folder"):
        train(recipe, out)
    (out / "curve.json").unlink()
    with pytest.raises(RunError, match="that has not ended; go on with --resume"):
        train(recipe, out)
    (out / "recipe.json").write_text('{"n', "utf-8")
    with pytest.raises(RunError, match="that has not ended; go on with --resume"):
        train(recipe, out)
    assert contents(train(recipe, out, resume=True)) == before
    for path in (out / "checkpoints").iterdir():
        path.rename(tmp_path / path.name)
    (out / "curve.json").unlink()
    with pytest.raises(RunError, match="stopped before its first checkpoint; go on with --resume"):
        train(recipe, out)
    with FileLock(out / ".lock"), pytest.raises(RunError, match="another process trains there"):
        train(recipe, out, resume=True)
    assert contents(train(recipe, out, resume=True)) == before


def test_a_folder_that_cannot_be_written_is_one_line(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        train(recipe, tmp_path / "file" / "run")
