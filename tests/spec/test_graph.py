"""A pipeline as a graph: who feeds whom, and what the stages are called."""

from __future__ import annotations

import pytest

from odqa.errors import SpecErrors
from odqa.spec.pipeline import PipelineSpec, parse_pipeline


def parsed(slots: str) -> PipelineSpec:
    return parse_pipeline(f"name: x\n{slots}\n")


def ids(slots: str) -> list[str]:
    return [node.id for node in parsed(slots).graph.nodes]


def test_every_form_is_the_graph_that_it_means(
    form_and_edges: tuple[str, dict[str, tuple[str, ...]]],
) -> None:
    text, edges = form_and_edges
    graph = parse_pipeline(text).graph
    assert [(node.id, node.inputs) for node in graph.nodes] == list(edges.items())


def test_what_leaves_the_slots() -> None:
    graph = parsed(
        "rewriter: {type: keywords}\n"
        "retriever: {fuse: [{type: bm25}, {type: sentence}]}\n"
        "ranker: [{type: colbert}, {type: cross_encoder}]\n"
        "reader: {type: extractive}"
    ).graph
    assert (graph.retrieved, graph.ranked, graph.answers) == ("rrf", "cross_encoder", "extractive")
    assert [node.id for node in graph.with_hits] == [
        *("bm25", "sentence", "rrf", "colbert", "cross_encoder")
    ]
    # The queries of the rewriter are no hits.
    assert graph.hit_inputs() == {
        "bm25": (),
        "sentence": (),
        "rrf": ("bm25", "sentence"),
        "colbert": ("rrf",),
        "cross_encoder": ("colbert",),
    }
    assert graph["colbert"].role == "ranker"


def test_without_a_ranker_what_is_retrieved_is_read() -> None:
    graph = parsed("retriever: {type: bm25}\nreader: {type: extractive}").graph
    assert (graph.retrieved, graph.ranked) == ("bm25", "bm25")
    alone = parsed("retriever: null\nreader: {type: retro, layout: closed-book}").graph
    assert (alone.retrieved, alone.ranked, alone.answers) == (None, None, "retro")
    assert alone.with_hits == ()


def test_a_type_in_two_roles_is_told_by_role() -> None:
    slots = "retriever: {type: retro}\nranker: {type: retro}\nreader: {type: retro}"
    assert ids(slots) == ["retro-retriever", "retro-ranker", "retro-reader"]
    assert ids("retriever: {type: retro}\nranker: {type: colbert}") == ["retro", "colbert"]


def test_a_type_twice_in_one_role_is_numbered() -> None:
    three = "{type: bm25}, {type: bm25, k1: 1.5}, {type: bm25, k1: 2.0}"
    assert ids(f"retriever: {{fuse: [{three}]}}") == ["bm25", "bm25-2", "bm25-3", "rrf"]
    # Both at once.
    slots = "retriever: {fuse: [{type: retro}, {type: retro, k: 5}]}\nranker: {type: retro}"
    assert ids(slots) == ["retro-retriever", "retro-retriever-2", "rrf", "retro-ranker"]


def test_an_equal_stage_over_the_same_input_is_one_stage() -> None:
    # Both members rank what the same retriever found.
    members = "[{type: bm25}, {type: colbert}], [{type: bm25}, {type: cross_encoder}]"
    graph = parsed(f"retriever: {{fuse: [{members}]}}").graph
    assert {node.id: node.inputs for node in graph.nodes} == {
        "bm25": (),
        "colbert": ("bm25",),
        "cross_encoder": ("bm25",),
        "rrf": ("colbert", "cross_encoder"),
    }
    # Other parameters, another input or an id of its own make another stage.
    assert ids("retriever: {fuse: [{type: bm25}, {type: bm25, k: 5}]}") == ["bm25", "bm25-2", "rrf"]
    assert ids("retriever: {fuse: [{type: bm25}, {type: bm25, id: b}]}") == ["bm25", "b", "rrf"]
    members = "{type: bm25}, {rewriter: {type: keywords}, retriever: {type: bm25}}"
    assert ids(f"retriever: {{fuse: [{members}]}}") == ["bm25", "keywords", "bm25-2", "rrf"]


def test_given_ids_win() -> None:
    # The one that says so is called bm25, whatever its type; the others make room.
    slots = "retriever: {fuse: [{type: bm25}, {type: sentence, id: bm25}]}"
    assert ids(slots) == ["bm25-2", "bm25", "rrf"]
    slots = "retriever: {fuse: [{type: bm25}, {type: bm25, id: bm25-2}, {type: bm25, k: 5}]}"
    assert ids(slots) == ["bm25", "bm25-2", "bm25-3", "rrf"]
    slots = "retriever: {type: retro, id: finds}\nranker: {type: retro}"
    assert ids(slots) == ["finds", "retro-ranker"]


def test_two_of_one_id_are_refused() -> None:
    with pytest.raises(SpecErrors) as caught:
        parsed(
            "retriever:\n"
            "  fuse:\n"
            "  - {type: bm25, id: mine}\n"
            "  - {type: sentence}\n"
            "ranker:\n"
            "  type: colbert\n"
            "  id: mine"
        )
    assert str(caught.value) == (
        "spec:8: ranker.id: the id 'mine' is taken by the stage at "
        "spec:4: retriever.fuse.0.id; give each stage an id of its own"
    )


@pytest.mark.parametrize("given", ["''", "a b", "-x", "a/b", "5", "null", "[a]"])
def test_an_id_is_a_name(given: str) -> None:
    with pytest.raises(SpecErrors, match=r"^spec:2: retriever.id: .* is no id; use letters"):
        parsed(f"retriever: {{type: bm25, id: {given}}}")


def test_the_tree_shows_what_feeds_what() -> None:
    spec = parsed(
        "rewriter: {type: keywords}\n"
        "retriever: {fuse: [{type: bm25, k: 5, id: words}, {type: sentence}], by: min_max}\n"
        "ranker: {type: colbert, alpha: 2.0}"
    )
    assert spec.tree().splitlines() == [
        f"x [{spec.hash}]",
        "  ranker colbert(alpha=2.0)",
        "    fusion min_max",
        "      retriever words: bm25(k=5)",
        "        rewriter keywords",
        "      retriever sentence",
        "        rewriter keywords",
    ]
