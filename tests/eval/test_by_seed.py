"""Several seeds as one system: hand-made values of two small sets."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from eval import by_seed
from odqa.metrics.statistics.macro import macro_interval

SYSTEM = {
    "nq": np.array([[1.0, 1.0], [1.0, 0.0]]),
    "web": np.array([[0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 1.0]]),
}
BASE = {"nq": np.array([[0.0, 1.0]]), "web": np.array([[1.0, 0.0, 0.0, 1.0]])}


def test_means_spread_and_differences_by_hand() -> None:
    nq, web, macro = by_seed.system_rows(SYSTEM, BASE)
    assert (nq["mean"], web["mean"], macro["mean"]) == (0.75, 0.5, 0.625)
    # Means of the seeds: 1 and 0.5 on nq, 0.25 and 0.75 on web, so 0.625 twice in the average.
    assert nq["spread"] == web["spread"] == pytest.approx(0.5 / 2**0.5)
    assert macro["spread"] == 0.0
    assert (nq["difference"], web["difference"], macro["difference"]) == (0.25, 0.0, 0.125)
    by_hand = [[1.0, -0.5], [-1.0, 0.5, 0.5, 0.0]]
    assert (macro["low"], macro["high"]) == macro_interval(by_hand)
    # Of nq's two differences, 1 and -0.5, every pattern of signs is as extreme.
    assert nq["p"] == 1.0
    assert {row["seeds"] for row in (nq, web, macro)} == {2}


def test_one_training_has_no_spread_and_a_base_no_difference() -> None:
    (row,) = by_seed.system_rows({"all": BASE["web"]}, None)
    assert row == {"set": "all", "seeds": 1, "mean": 0.5, "spread": None}


def test_runs_are_read_together_and_may_not_contradict_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(first: int = 0, **values: list[float]) -> Any:
        questions = [SimpleNamespace(id=str(first + n)) for n in range(2)]
        return SimpleNamespace(
            baselines=("minilm",),
            sets={},
            questions=questions,
            pipelines=dict.fromkeys(name.replace("_", "-") for name in values),
            values=lambda name, metric: {
                q.id: v for q, v in zip(questions, values[name.replace("-", "_")], strict=True)
            },
        )

    runs = {
        "a": run(minilm=[0.0, 1.0], colbert_13=[1.0, 1.0]),
        "b": run(minilm=[0.0, 1.0], colbert_14=[0.0, 1.0]),
        "c": run(minilm=[1.0, 1.0]),
        "d": run(colbert_15=[1.0, 1.0], first=1),
    }
    monkeypatch.setattr(by_seed, "load", lambda folder: runs[folder.name])
    monkeypatch.setattr(by_seed, "tested_metrics", lambda comparison: ["R@1"])
    base, systems = by_seed.read([Path("a"), Path("b")])
    assert base == "minilm"
    assert set(systems["R@1"]) == {"minilm", "colbert"}
    assert systems["R@1"]["colbert"]["all"].tolist() == [[1.0, 1.0], [0.0, 1.0]]
    with pytest.raises(SystemExit, match="c: minilm has other values than in an earlier run"):
        by_seed.read([Path("a"), Path("c")])
    with pytest.raises(SystemExit, match="d: has other questions than a"):
        by_seed.read([Path("a"), Path("d")])
