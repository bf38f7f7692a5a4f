"""Which stages a comparison has, which of them pipelines share, and the keys of their results."""

from __future__ import annotations

import pytest
import torch

from odqa.execution.plan import make_plan
from odqa.fusion.ranks import ReciprocalRankFusion
from odqa.spec.pipeline import parse_pipeline
from odqa.spec.stage import StageSpec
from odqa.testing.toys import toy_components

pytestmark = pytest.mark.usefixtures("toys")


with toy_components():
    BARE = parse_pipeline("{name: bare, retriever: {type: overlap, k: 3}}")
    RANKED = parse_pipeline(
        "{name: ranked, retriever: {type: overlap, k: 3}, ranker: {type: overlap, k: 2}}"
    )
    WIDER = parse_pipeline(
        "{name: wider, retriever: {type: overlap, k: 4}, ranker: {type: overlap, k: 2}}"
    )


def no_sources(stage: StageSpec) -> dict[str, str]:
    return {}


def test_equal_prefixes_become_one_node() -> None:
    plan = make_plan([BARE, RANKED, WIDER], "corpus", "questions", no_sources)
    assert len(plan.nodes) == 4
    assert plan.keys["bare"]["overlap"] == plan.keys["ranked"]["overlap-retriever"]
    assert plan.shared_by(plan.keys["bare"]["overlap"]) == ["bare", "ranked"]
    assert plan.keys["ranked"]["overlap-ranker"] != plan.keys["wider"]["overlap-ranker"]


def test_keys_follow_corpus_and_questions() -> None:
    keys = {
        make_plan([BARE], corpus, questions, no_sources).nodes[0].key
        for corpus in ("a", "b")
        for questions in ("a", "b")
    }
    assert len(keys) == 4


def test_where_and_how_a_stage_ran_keeps_its_seconds_apart() -> None:
    def key(keys: str) -> str:
        spec = parse_pipeline(f"{{name: x, retriever: {{type: sentence, checkpoint: x{keys}}}}}")
        return make_plan([spec], "corpus", "questions", no_sources).nodes[0].key

    assert key("") == key(", device: cpu")
    assert len({key(""), key(", device: cuda"), key(", batch_size: 7")}) == 3


def test_keys_know_the_fusion_that_a_rewriter_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def keys(by: str) -> list[str]:
        text = f"{{name: x, rewriter: {{type: keywords, by: {by}}}, retriever: {{type: overlap}}}}"
        plan = make_plan([parse_pipeline(text)], "corpus", "questions", no_sources)
        return [node.key for node in plan.nodes]

    rank, rrf = keys("rank"), keys("rrf")
    assert not set(rank) & set(rrf)
    monkeypatch.setattr(ReciprocalRankFusion, "version", 9)
    assert keys("rank") == rank
    assert not set(keys("rrf")) & set(rrf)


def test_results_of_a_gpu_in_another_number_format_are_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def key(settings: str) -> str:
        spec = parse_pipeline(f"{{name: x, retriever: {{type: sentence, {settings}}}}}")
        return make_plan([spec], "corpus", "questions", no_sources).nodes[0].key

    on_cpu = key("checkpoint: x, device: auto")
    before = key("checkpoint: x")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("odqa.devices.fast_bfloat16", lambda device: True)
    on_gpu = key("checkpoint: x, device: auto")
    in_fp32 = key("checkpoint: x, device: auto, precision: float32")
    assert len({on_cpu, on_gpu, in_fp32}) == 3
    assert key("checkpoint: x") == before
