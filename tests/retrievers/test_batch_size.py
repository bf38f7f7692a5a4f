"""How many texts a forward pass takes is no part of what a retriever is."""

from __future__ import annotations

import pytest

from odqa.spec.pipeline import PipelineSpec, parse_pipeline


def spec(kind: str, keys: str = "") -> PipelineSpec:
    return parse_pipeline(f"{{name: x, retriever: {{type: {kind}{keys}}}}}")


@pytest.mark.parametrize("kind", ["sentence", "dpr", "retro"])
def test_a_number_and_none_are_the_same_pipeline_run_otherwise(kind: str) -> None:
    # Run folders of version 0.1.0 say 64, then the default.
    plain, told = spec(kind), spec(kind, ", batch_size: 64")
    assert plain.hash == told.hash
    assert plain.retriever.config.running() == {}
    assert told.retriever.config.running() == {"batch_size": 64}
    for each in (plain, told):
        assert parse_pipeline(each.to_yaml(defaults=True)) == each
    assert spec(kind, ", batch_size: null") == plain
