from __future__ import annotations

import json
import sys

import pytest

from odqa.comparison.manifest import make_manifest
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.toys import toy_dataset

pytestmark = pytest.mark.usefixtures("toys")


def test_a_manifest_says_what_a_run_rests_on(monkeypatch: pytest.MonkeyPatch) -> None:
    args = ["odqa", "compare", "--mlflow", "https://me:secret@host/x", "sqlite:///a@b.db"]
    monkeypatch.setattr(sys, "argv", args)
    spec = parse_pipeline("{name: one, retriever: {type: overlap}}")
    data = toy_dataset()
    manifest = make_manifest(
        [spec],
        data,
        code="abc123+",
        started="2025-01-02T03:04:05+00:00",
        seconds=1.23456,
        stages={"of pipelines": 1, "run": 1},
        settings={"latency": 3},
    )
    assert json.loads(json.dumps(manifest)) == manifest
    assert manifest["specs"] == {"one": spec.hash}
    assert manifest["dataset"]["digest"] == data.digest
    assert manifest["dataset"]["question_set"] == data.questions.fingerprint
    assert manifest["dataset"]["origin"] is None
    assert (manifest["code"], manifest["seconds"]) == ("abc123+", 1.235)
    assert manifest["settings"] == {"latency": 3}
    assert manifest["stages"] == {"of pipelines": 1, "run": 1}
    assert manifest["statistics"] == {"seed": 0, "draws": 10_000, "level": 0.95}
    assert {"torch", "numpy", "pydantic", "pytest"} <= set(manifest["versions"])
    assert manifest["machine"]["processor"] and manifest["machine"]["cores"] >= 1
    assert manifest["command"]["words"][3:] == ["https://…@host/x", "sqlite:///a@b.db"]
