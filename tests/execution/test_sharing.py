"""Equal stages over equal inputs run once, wherever in their pipelines they stand."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from odqa.cache import Cache
from odqa.comparison.result import Comparison
from odqa.comparison.run import run_comparison
from odqa.execution.executor import Executor
from odqa.execution.pipeline import Pipeline
from odqa.rewriters.keywords import KeywordsRewriter
from odqa.spec.pipeline import PipelineSpec, parse_pipeline
from odqa.testing.toys import toy_components, toy_dataset
from odqa.testing.word_overlap import FirstWordReader, OverlapRanker, OverlapRetriever

pytestmark = pytest.mark.usefixtures("toys")


def parsed(name: str, slots: str) -> PipelineSpec:
    return parse_pipeline(f"name: {name}\n{slots}\n")


#: Two retrievers, told apart by their weights, and two rankers.
FINDS, OTHER = "{type: overlap, k: 3}", "{type: overlap, k: 4, weight: 2.0, id: other}"
LATE, CROSS = "{type: overlap, k: 3, id: late}", "{type: overlap, k: 2, weight: 3.0, id: cross}"
with toy_components():
    PIPELINES = (
        parsed("alone", f"retriever: {FINDS}"),
        parsed("ranked", f"retriever: {FINDS}\nranker: {LATE}\nreader: {{type: first_word}}"),
        parsed("cascade", f"retriever: {FINDS}\nranker: [{LATE}, {CROSS}]"),
        parsed("listed", f"retriever: [{FINDS}, {LATE}]"),
        parsed("fused", f"retriever: {{fuse: [{FINDS}, {OTHER}]}}"),
        parsed("fused-other-way", f"retriever: {{fuse: [{FINDS}, {OTHER}], by: rank}}"),
        parsed("in-a-member", f"retriever: {{fuse: [[{FINDS}, {LATE}], {OTHER}]}}"),
        parsed("reads-fused", f"retriever: {{fuse: [{FINDS}, {OTHER}]}}\nranker: {LATE}"),
    )


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each method of the toys was called, by the weight that tells the stages apart."""
    seen: Counter[str] = Counter()

    def count(kind: type[Any], method: str) -> None:
        original = getattr(kind, method)

        def counting(self: Any, *args: Any) -> Any:
            weight = getattr(self.config, "weight", "")
            seen[f"{kind.__name__}.{method} {weight}".strip()] += 1
            return original(self, *args)

        monkeypatch.setattr(kind, method, counting)

    for kind, method in (
        (OverlapRetriever, "retrieve"),
        (OverlapRanker, "rank"),
        (FirstWordReader, "read"),
        (KeywordsRewriter, "rewrite"),
    ):
        count(kind, method)
        count(kind, "prepare")
    return seen


def run(tmp_path: Path, *specs: PipelineSpec) -> Comparison:
    return run_comparison(specs, toy_dataset(), Cache(tmp_path))


def test_stages_inside_of_compositions_are_shared(calls: Counter[str], tmp_path: Path) -> None:
    run(tmp_path, *PIPELINES)
    assert calls == {
        "OverlapRetriever.retrieve 1.0": 1,
        "OverlapRetriever.retrieve 2.0": 1,
        # Over what was retrieved, and over what was fused.
        "OverlapRanker.rank 1.0": 2,
        "OverlapRanker.rank 3.0": 1,
        "FirstWordReader.read": 1,
        "OverlapRetriever.prepare 1.0": 1,
        "OverlapRetriever.prepare 2.0": 1,
        "OverlapRanker.prepare 1.0": 1,
        "OverlapRanker.prepare 3.0": 1,
        "FirstWordReader.prepare": 1,
    }


def test_how_many_stages_need_not_run() -> None:
    plan = Executor(toy_dataset(), Cache(enabled=False)).plan(PIPELINES)
    # 1 + 3 + 3 + 2 + 3 + 3 + 4 + 4 stages, of which these are different: two retrievers, late over
    # one of them and over the fused, cross, the reader, and fusions by rrf, by rank, and of late.
    assert sum(len(spec.stages) for spec in PIPELINES) == 23
    assert len(plan.nodes) == 9


def test_a_ranker_in_a_cascade_is_the_ranker_alone(calls: Counter[str], tmp_path: Path) -> None:
    alone, ranked, cascade, *_ = PIPELINES
    together = run(tmp_path, ranked, cascade)
    assert calls["OverlapRanker.rank 1.0"] == 1
    assert together.result("cascade").hits_of("late") == together.result("ranked").ranked
    # Also from the cache, in another run.
    run(tmp_path, cascade)
    run(tmp_path, alone)
    assert calls["OverlapRanker.rank 1.0"] == calls["OverlapRetriever.retrieve 1.0"] == 1


def test_costs_name_the_pipelines_that_share_a_stage(tmp_path: Path) -> None:
    found = run(tmp_path, *PIPELINES)

    def sharers(pipeline: str) -> dict[str, tuple[str, ...]]:
        return {cost.stage_id: cost.shared_with for cost in found.result(pipeline).costs}

    everyone = [spec.name for spec in PIPELINES]
    of_other = ("fused", "fused-other-way", "in-a-member", "reads-fused")
    assert sharers("alone") == {"overlap": tuple(n for n in everyone if n != "alone")}
    assert sharers("cascade") == {
        "overlap-retriever": tuple(n for n in everyone if n != "cascade"),
        "late": ("ranked", "listed", "in-a-member"),
        "cross": (),
    }
    assert sharers("fused") == {
        "overlap": tuple(n for n in everyone if n != "fused"),
        "other": of_other[1:],
        "rrf": ("reads-fused",),
    }
    assert sharers("fused-other-way")["rank"] == ()
    # The same ranker over other hits is another stage.
    assert sharers("reads-fused")["late"] == ()
    assert sharers("in-a-member")["rrf"] == ()


def test_a_rewriter_is_shared_and_what_it_feeds_is_not(calls: Counter[str], tmp_path: Path) -> None:
    words = "rewriter: {type: keywords}\n"
    specs = (
        parsed("plain", f"retriever: {FINDS}"),
        parsed("rewritten", f"{words}retriever: {FINDS}"),
        parsed("both", f"{words}retriever: {{fuse: [{FINDS}, {OTHER}]}}"),
        parsed("inside", f"retriever: {{rewriter: {{type: keywords}}, retriever: {FINDS}}}"),
        parsed("kept", f"rewriter: {{type: keywords, by: rank}}\nretriever: {FINDS}"),
    )
    found = run(tmp_path, *specs)
    assert calls["KeywordsRewriter.rewrite"] == 2
    assert calls["OverlapRetriever.retrieve 1.0"] == 3  # plain, rewritten, and with another fusion
    assert calls["OverlapRetriever.retrieve 2.0"] == 1
    costs = {cost.stage_id: cost for cost in found.result("rewritten").costs}
    assert costs["keywords"].shared_with == ("both", "inside")
    assert costs["overlap"].shared_with == ("both", "inside")


def test_a_pipeline_that_has_a_stage_twice_runs_and_charges_it_once(
    calls: Counter[str], tmp_path: Path
) -> None:
    members = f"[{FINDS}, {LATE}], [{FINDS}, {CROSS}], {FINDS}"
    spec = parsed("twice", f"retriever: {{fuse: [{members}], weights: [1, 2, 4], k: 1}}")
    found = run(tmp_path, spec).result("twice")
    assert calls["OverlapRetriever.retrieve 1.0"] == 1
    assert [cost.stage_id for cost in found.costs] == [
        *("overlap-retriever", "late", "cross", "rrf")
    ]
    # p3 is the first of all three lists.
    assert [hit.score for hit in found.retrieved["q1"]] == pytest.approx([7 / 61])
    again = Pipeline(spec)
    again.prepare(toy_dataset().corpus, Cache(enabled=False))
    assert again.run(toy_dataset().questions.questions).retrieved[0] == found.retrieved["q1"]
    assert calls["OverlapRetriever.retrieve 1.0"] == 2


def random_slot(draw: random.Random, role: str, depth: int) -> object:
    """Anything that the slot of a role can hold, made of word counters."""
    kind = draw.choice(["stage", "fuse", "list"]) if depth else "stage"
    if kind == "stage":
        alpha = {"alpha": draw.choice([0.0, 1.0])} if role == "ranker" else {}
        weight = float(draw.randint(0, 1))
        return {"type": "overlap", "k": draw.choice([2, 4]), "weight": weight, **alpha}
    first, second = (random_slot(draw, role, depth - 1) for _ in range(2))
    if kind == "fuse":
        by = draw.choice(["rrf", "rank", "min_max", "z_score"])
        return {"fuse": [first, second], "by": by, "k": draw.randint(1, 4)}
    return [first, random_slot(draw, "ranker", depth - 1)]


def test_what_is_shared_is_what_each_pipeline_would_find_alone(tmp_path: Path) -> None:
    draw = random.Random(5)
    specs = []
    for n in range(40):
        slots = {role: random_slot(draw, role, 2) for role in ("retriever", "ranker")}
        words = {"type": "keywords", "keep_question": draw.random() < 0.5}
        rewriter = {"rewriter": words} if draw.random() < 0.5 else {}
        reader = {"reader": {"type": "first_word"}}
        specs.append(parse_pipeline({"name": f"x{n}", **rewriter, **slots, **reader}))
    data = toy_dataset()
    executor = Executor(data, Cache(tmp_path))
    plan = executor.plan(specs)
    assert len(plan.nodes) < 0.8 * sum(len(spec.stages) for spec in specs)
    records = executor.run(plan)
    for spec in specs:
        pipeline = Pipeline(spec)
        pipeline.prepare(data.corpus, Cache(enabled=False))
        alone = pipeline.run(data.questions.questions).stages
        shared = {
            stage: list(records[key].rows.values()) for stage, key in plan.keys[spec.name].items()
        }
        assert shared == {stage: list(values) for stage, values in alone.items()}, spec.tree()
