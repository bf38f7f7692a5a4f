"""Processes that take turns, on tiny models."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from eval.speed.measure import Measured, interleave, ratios
from eval.speed.sizes import Sizes
from eval.speed.worker import Reply, Worker, WorkerProblem, shares

TINY = Sizes(
    batch=1,
    tokens=16,
    retrieved=8,
    chunk=8,
    vocabulary=50,
    width=16,
    heads=2,
    head_dim=8,
    layers=2,
    cross_layers=(2,),
)
SETTINGS = {
    "sizes": dataclasses.asdict(TINY),
    "threads": 1,
    "device": "cpu",
    "dtype": "float32",
    "position": "xl",
}


def runs(name: str, *seconds: float) -> Measured:
    return Measured(name, tuple(Reply(s, 10.0 * s) for s in seconds))


def test_sizes_travel() -> None:
    assert Sizes.from_json(TINY.to_json()) == TINY


def test_medians_and_ratios_by_turn() -> None:
    slow, fast = runs("slow", 4, 6, 9), runs("fast", 2, 2, 1)
    assert (slow.seconds, slow.spread, slow.peak_mb) == (6, (4, 9), 90)
    assert ratios(slow, fast) == (3, 2, 9)


def test_shares_of_a_product_and_little_else() -> None:
    a = torch.randn(500, 500)

    def job() -> None:
        torch.add(a @ a, 1)

    found = shares(job)
    assert next(iter(found)) == "aten::mm"
    assert {"aten::add", "aten::mm"} <= set(found)
    assert sum(found.values()) == pytest.approx(1)


@pytest.mark.slow  # starts an interpreter with torch
def test_a_worker_runs_and_its_warm_up_is_left_out() -> None:
    with Worker("odqa", "eval.speed.ours", SETTINGS) as worker:
        found = interleave([worker], 2, "forward")["odqa"]
        assert worker.facts["parameters"] > 0
        assert sum(worker.profile().values()) == pytest.approx(1)
        assert worker.facts["imported_mb"] > 10
    assert len(found.replies) == 2
    assert all(0 < reply.seconds < 60 for reply in found.replies)
    assert found.peak_mb >= worker.facts["imported_mb"]


def test_a_worker_that_ends_is_one_line() -> None:
    with pytest.raises(WorkerProblem, match="nobody: ended with exit code 1"):
        Worker("nobody", "eval.speed.no_such_module", SETTINGS)
