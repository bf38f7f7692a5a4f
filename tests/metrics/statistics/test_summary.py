from __future__ import annotations

import numpy as np
import pytest

from odqa.metrics.rows import MetricRow
from odqa.metrics.statistics.bootstrap import mean_interval
from odqa.metrics.statistics.summary import summarise


def test_every_figure_with_its_interval() -> None:
    random = np.random.default_rng(0)
    f1, em, other = random.random(30), (random.random(30) < 0.5).astype(float), random.random(9)
    rows = [MetricRow("b", f"q{i}", "f1", float(v)) for i, v in enumerate(f1)]
    rows += [MetricRow("b", f"q{i}", "em", float(v)) for i, v in enumerate(em)]
    rows += [MetricRow("a", f"q{i}", "f1", float(v)) for i, v in enumerate(other)]
    expected = [("b", "em", em), ("b", "f1", f1), ("a", "f1", other)]
    for summary, (pipeline, metric, values) in zip(summarise(rows), expected, strict=True):
        assert (summary.pipeline, summary.metric) == (pipeline, metric)
        assert summary.questions == len(values)
        assert summary.mean == pytest.approx(values.mean())
        assert summary.interval == pytest.approx(mean_interval(values))
    assert summarise([]) == []
