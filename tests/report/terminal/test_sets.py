"""The order of pipelines by set, in words."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, cast

from odqa.report.terminal.sets import first_text, rank_text


def test_three_of_many_that_come_first_are_named() -> None:
    shares = {"a": 0.04, "b": 0.2, "c": 0.21, "d": 0.25, "e": 0.3}
    table = cast("Any", SimpleNamespace(first={"nq": shares, "macro": {"a": 1.0, "b": 0.0}}))
    assert first_text(table) == "nq e 0.30, d 0.25, c 0.21, 1 more; macro average a 1.00"


def test_equal_pipelines_have_no_order() -> None:
    pairs = {("nq", "web"): math.nan, ("nq", "trec"): 0.5}
    intervals = {("nq", "web"): (math.nan, math.nan), ("nq", "trec"): (0.25, 1.0)}
    table = cast("Any", SimpleNamespace(rank_correlation=pairs, rank_intervals=intervals))
    assert rank_text(table) == "nq and web -, nq and trec 0.50 [0.25, 1.00]"
