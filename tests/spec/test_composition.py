"""Stages put together: what they mean, and that a written spec means the same again."""

from __future__ import annotations

import pytest

from odqa.spec.composition import ChainSpec, FusedSpec
from odqa.spec.pipeline import PipelineSpec, parse_pipeline
from odqa.spec.stage import StageSpec


def parsed(slots: str) -> PipelineSpec:
    return parse_pipeline(f"name: x\n{slots}\n")


@pytest.mark.parametrize("defaults", [False, True])
def test_round_trip(form: str, defaults: bool) -> None:
    spec = parse_pipeline(form)
    again = parse_pipeline(spec.to_yaml(defaults))
    assert again == spec
    assert again.hash == spec.hash
    assert again.graph == spec.graph


def test_equal_ways_of_writing_are_equal_specs() -> None:
    listed = parsed("retriever: [{type: bm25}, {type: colbert, k: 5}]")
    mapped = parsed("retriever: {retriever: {type: bm25}, ranker: {type: colbert, k: 5}}")
    in_slots = parsed("retriever: {type: bm25}\nranker: {type: colbert, k: 5}")
    assert listed == mapped
    assert listed.hash == mapped.hash
    # What leaves the retriever's slot is another thing, though the same stages run.
    assert listed.graph.nodes == in_slots.graph.nodes
    assert (listed.graph.retrieved, in_slots.graph.retrieved) == ("colbert", "bm25")
    assert listed.hash != in_slots.hash
    assert parsed("retriever: [{type: bm25}]") == parsed("retriever: {type: bm25}")
    named = "retriever: {fuse: [{type: bm25}, {type: sentence}], by: rrf, constant: 60, k: 100}"
    assert parsed(named) == parsed("retriever: {fuse: [{type: bm25}, {type: sentence}]}")


def test_a_list_of_rankers_has_the_hash_that_the_cascade_had() -> None:
    # Hash of version 0.1.0, which knew `type: cascade` alone.
    old = "ranker: {type: cascade, k: 5, stages: [{type: colbert, k: 20}, {type: cross_encoder}]}"
    new = "ranker: [{type: colbert, k: 20}, {type: cross_encoder, k: 5}]"
    cascade, listed = (parsed(f"retriever: {{type: bm25}}\n{ranker}") for ranker in (old, new))
    assert cascade.hash == "81fb11370d7f11f3"
    assert listed.hash != cascade.hash  # the last ranker's own k is 100 in the one, 5 in the other
    assert [stage.k for stage in cascade.stages] == [stage.k for stage in listed.stages]
    assert [node.stage for node in cascade.graph.nodes] == [
        node.stage for node in listed.graph.nodes
    ]


BASE = "retriever: {fuse: [{type: bm25}, {type: sentence}], by: min_max, weights: [1, 2], k: 50}"


@pytest.mark.parametrize(
    "change",
    [
        ("weights: [1, 2]", "weights: [2, 1]"),
        ("weights: [1, 2], ", ""),
        ("by: min_max", "by: z_score"),
        ("k: 50", "k: 40"),
        ("{type: bm25}, {type: sentence}", "{type: sentence}, {type: bm25}"),
        ("{type: bm25}", "{type: bm25, k1: 1.5}"),
        ("{type: bm25}", "[{type: bm25}, {type: colbert}]"),
        ("{type: bm25}", "{rewriter: {type: keywords}, retriever: {type: bm25}}"),
    ],
)
def test_the_hash_follows_what_a_fusion_finds(change: tuple[str, str]) -> None:
    assert change[0] in BASE
    assert parsed(BASE.replace(*change)).hash != parsed(BASE).hash


def test_the_hash_does_not_follow_ids() -> None:
    other = BASE.replace("{type: bm25}", "{type: bm25, id: words}").replace(
        "k: 50", "id: all, k: 50"
    )
    assert parsed(other).hash == parsed(BASE).hash
    assert parsed(other) != parsed(BASE)


def test_k_is_what_leaves_the_composition() -> None:
    fused = parsed(BASE).retriever
    assert isinstance(fused, FusedSpec)
    assert (fused.k, fused.cut(20).k, fused.cut(90).k) == (50, 20, 50)
    # The members give what they gave: the cut comes behind the fusion.
    assert [leaf.k for leaf in fused.cut(20).leaves()] == [100, 100, 20]
    chain = parsed("retriever: [{type: bm25, k: 90}, {type: colbert, k: 30}]").retriever
    assert isinstance(chain, ChainSpec)
    assert (chain.k, chain.cut(20).k, chain.cut(60).k) == (30, 20, 30)
    assert [leaf.k for leaf in chain.cut(20).leaves()] == [90, 20]


def test_a_cascade_cuts_its_last_ranker_and_no_other() -> None:
    text = (
        "retriever: {type: bm25}\n"
        "ranker: {type: cascade, k: 8, stages: [{type: retro, k: 20},"
        " {type: cascade, k: 5, stages: [{type: colbert, k: 3}, {type: cross_encoder, k: 10}]}]}"
    )
    ranker = parsed(text).ranker
    assert isinstance(ranker, ChainSpec)
    assert ranker.k == 5
    assert [leaf.k for leaf in ranker.leaves()] == [20, 3, 5]
    assert ranker.cut(4).k == 4
    assert [leaf.k for leaf in ranker.cut(4).leaves()] == [20, 3, 4]
    assert [leaf.k for leaf in ranker.cut(6).leaves()] == [20, 3, 5]


def test_a_chain_at_the_head_of_a_chain_is_no_stage_of_its_own() -> None:
    flat = parsed("retriever: {type: bm25}\nranker: [{type: colbert}, {type: cross_encoder}]")
    nested = parsed("retriever: {type: bm25}\nranker: [[{type: colbert}, {type: cross_encoder}]]")
    assert nested == flat
    inner = parsed("retriever: [[{type: bm25}, {type: colbert}], {type: cross_encoder}]").retriever
    assert isinstance(inner, ChainSpec)
    assert [stage.type for stage in inner.stages if isinstance(stage, StageSpec)] == [
        "bm25",
        "colbert",
        "cross_encoder",
    ]


def test_anything_put_together_is_read_back_and_hangs_together(anything: dict[str, object]) -> None:
    spec = parse_pipeline(anything)
    for defaults in (False, True):
        again = parse_pipeline(spec.to_yaml(defaults))
        assert (again, again.hash, again.graph) == (spec, spec.hash, spec.graph)
    graph = spec.graph
    known: list[str] = []
    for node in graph.nodes:
        assert node.id not in known
        assert set(node.inputs) <= set(known)
        known.append(node.id)
    # Every stage but the last feeds another.
    fed = {source for node in graph.nodes for source in node.inputs}
    assert set(known) - fed == {graph.ranked}
    assert spec.retriever is not None and spec.ranker is not None
    assert graph.retrieved is not None and graph.ranked is not None
    # Equal stages over the same input are one.
    leaves = (*spec.retriever.leaves(), *spec.ranker.leaves())
    assert len(graph.nodes) == len({(node.stage, node.inputs) for node in graph.nodes})
    assert list(dict.fromkeys(node.stage for node in graph.nodes)) == list(dict.fromkeys(leaves))
    assert graph[graph.retrieved].stage.k == spec.retriever.k
    assert graph[graph.ranked].stage.k == spec.ranker.k
    for k in (1, 4):
        assert spec.ranker.cut(k).k == min(k, spec.ranker.k) == spec.ranker.cut(k).leaves()[-1].k
