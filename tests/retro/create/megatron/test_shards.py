"""Ranks, their order, and what they must have in common."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from odqa.errors import CheckpointError
from odqa.retro.create.megatron.shards import Recipe, Shards, open_checkpoint, rank_files, weights
from odqa.testing.megatron_checkpoint import write_checkpoint


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    saved = torch.load(path, weights_only=False)
    change(saved)
    torch.save(saved, path)


def test_ranks_are_joined_in_order() -> None:
    a, b = torch.tensor([[0, 1], [2, 3]]), torch.tensor([[4, 5], [6, 7]])
    shards = Shards([{"w": a}, {"w": b}], "here")
    assert shards.merge(Recipe("w", 0)).tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert shards.merge(Recipe("w", 1)).tolist() == [[0, 1, 4, 5], [2, 3, 6, 7]]
    assert shards.merge(Recipe("w")).tolist() == [[0, 1], [2, 3]]

    def second(share: Tensor) -> Tensor:
        return share[1:]

    assert shards.merge(Recipe("w", 0, second)).tolist() == [[2, 3], [6, 7]]
    assert shards.shape(Recipe("w", 0, second)) == (2, 2)


def test_shares_that_do_not_join_are_named() -> None:
    shards = Shards([{"w": torch.ones(2, 2)}, {"w": torch.ones(2, 3)}], "here")
    with pytest.raises(CheckpointError, match="here: w cannot be merged"):
        shards.merge(Recipe("w", 0))


def test_ranks_with_other_names_are_refused() -> None:
    with pytest.raises(CheckpointError, match="different names"):
        Shards([{"w": torch.ones(1)}, {"v": torch.ones(1)}], "here")


def test_old_names_are_renewed() -> None:
    layers = {"layers.0.input_layernorm.weight": torch.ones(1), "final_layernorm.bias": 0}
    saved = {"model": {"language_model": {"transformer": layers}}}
    assert list(weights(saved, "here")) == ["encoder.layers.0.input_norm.weight"]


def test_the_tracker_names_the_iteration(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    assert [path.parts[-3:-1] for path in rank_files(tmp_path)] == [
        ("release", "mp_rank_00"),
        ("release", "mp_rank_01"),
    ]
    assert rank_files(tmp_path / "release") == rank_files(tmp_path)
    (tmp_path / "release").rename(tmp_path / "iter_0000120")
    (tmp_path / "latest_checkpointed_iteration.txt").write_text("120\n", encoding="utf-8")
    assert rank_files(tmp_path)[1].parts[-3] == "iter_0000120"


def test_missing_ranks_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no mp_rank_XX"):
        rank_files(tmp_path)
    write_checkpoint(tmp_path / "a", ranks=2)
    shutil.rmtree(tmp_path / "a/release/mp_rank_01")
    with pytest.raises(CheckpointError, match="1 of 2 tensor-parallel ranks"):
        open_checkpoint(tmp_path / "a")
    write_checkpoint(tmp_path / "b", ranks=2)
    shutil.rmtree(tmp_path / "b/release/mp_rank_00")
    with pytest.raises(CheckpointError, match="rank 0 is missing"):
        open_checkpoint(tmp_path / "b")


def test_pipeline_parallel_ranks_are_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, ranks=1)
    (tmp_path / "release/mp_rank_00").rename(tmp_path / "release/mp_rank_00_000")
    with pytest.raises(CheckpointError, match="pipeline-parallel"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda saved: saved.pop("args"), "holds no 'args'"),
        (lambda saved: saved.update(checkpoint_version=1.0), "version 1.0"),
        (lambda saved: saved.pop("checkpoint_version"), "version 0"),
        (lambda saved: saved.update(model={"decoder.layers": 1}), "no 'language_model'"),
    ],
)
def test_other_formats_are_refused(
    change: Callable[[dict[str, Any]], object], message: str, tmp_path: Path
) -> None:
    write_checkpoint(tmp_path, ranks=1)
    edit(rank_files(tmp_path)[0], change)
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(tmp_path)
