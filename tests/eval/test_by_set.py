"""The CSV of finished runs by question set: hand-made values of two small sets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from eval.by_set import _pipeline_rows


def test_macro_means_and_differences_by_hand() -> None:
    values = {
        "base": {"nq": [0.0, 1.0], "web": [1.0, 0.0, 0.0, 1.0]},
        "new": {"nq": [1.0, 1.0], "web": [0.0, 0.0, 0.0, 1.0]},
    }
    table = cast("Any", SimpleNamespace(values=values, macro_p={"base": {"new": 0.25}}))
    nq, web, macro = _pipeline_rows(table, "em", "new")
    assert (nq["mean"], web["mean"], macro["mean"]) == (1.0, 0.25, 0.625)
    assert (nq["difference"], web["difference"]) == (0.5, -0.25)
    assert macro["difference"] == pytest.approx(0.125)
    assert macro["p_holm"] == 0.25 and "p_holm" not in nq
    assert "difference" not in _pipeline_rows(table, "em", "base")[0]
