from __future__ import annotations

from odqa.comparison.costs import StageCost, joules_of
from odqa.meters.meter import Spent


def test_a_stage_cost_survives_json() -> None:
    cost = StageCost(
        "ranker",
        "colbert",
        Spent(3.0, 500, None, 7.0, "RAPL"),
        Spent(2.0, 400, 100, None, ""),
        True,
        ("other",),
        stored={"passage token vectors": 900},
        offline_reused=True,
    )
    assert StageCost.from_dict(cost.to_dict()) == cost
    assert cost.peak_bytes == 500
    assert cost.throughput(10) == 5.0
    assert cost.stored_names == "passage token vectors"


def test_folders_of_earlier_versions_know_seconds_alone() -> None:
    cost = StageCost.from_dict(
        {
            "role": "reader",
            "type": "extractive",
            "offline_seconds": 1.25,
            "online_seconds": 0.5,
            "reused": False,
            "shared_with": [],
            "parameters": 22,
            "gflop": 1.5,
            "stored_bytes": 0,
            "stored": {},
            "precomputes": ["keys, if the encoder is unconditioned"],
            "facts": {"device": "cpu"},
        }
    )
    assert (cost.offline, cost.online) == (Spent(1.25), Spent(0.5))
    assert cost.peak_bytes is None and cost.stored_names == "nothing"


def test_a_part_without_energy_leaves_no_sum() -> None:
    assert joules_of([Spent(1.0, joules=2.0), Spent(1.0, joules=0.5)]) == 2.5
    assert joules_of([Spent(1.0, joules=2.0), Spent(1.0)]) is None
