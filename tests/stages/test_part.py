"""Pipelines by operators are the pipelines of specs."""

from __future__ import annotations

import pytest

import odqa
from odqa import stages
from odqa.errors import SpecErrors
from odqa.spec.pipeline import parse_pipeline
from odqa.stages import bm25, colbert, cross_encoder, extractive, fuse, keywords, sentence, stage
from odqa.testing.toys import toy_dataset


def test_operators_make_the_spec() -> None:
    pipeline = keywords() >> (bm25(k=50) + sentence(k=40)) >> colbert(k=20, alpha=2.0)
    pipeline = pipeline >> cross_encoder(k=5) >> extractive(passages=3)
    assert pipeline.spec.name == "keywords-bm25+sentence-colbert-cross_encoder-extractive"
    spec = parse_pipeline(
        """
        name: keywords-bm25+sentence-colbert-cross_encoder-extractive
        rewriter: {type: keywords}
        retriever: {fuse: [{type: bm25, k: 50}, {type: sentence, k: 40}]}
        ranker: [{type: colbert, k: 20, alpha: 2.0}, {type: cross_encoder, k: 5}]
        reader: {type: extractive, passages: 3}
        """
    )
    assert pipeline.spec == spec
    assert pipeline.spec.hash == spec.hash


def test_sums_are_flat_and_can_be_fused_otherwise() -> None:
    three = (bm25() + sentence() + bm25(k1=1.2, id="long")).by("min_max", weights=[1, 2, 3], k=9)
    spec = parse_pipeline(
        "{name: x, retriever: {fuse: [{type: bm25}, {type: sentence}, "
        "{type: bm25, k1: 1.2, id: long}], by: min_max, weights: [1, 2, 3], k: 9}}"
    )
    assert three.named("x").spec == spec
    inner = (bm25() >> colbert()) + sentence()
    assert [node.id for node in inner.spec.graph.nodes] == ["bm25", "colbert", "sentence", "rrf"]
    assert fuse(bm25(), sentence(), by="z_score").spec.retriever.k == 100


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: bm25(kk=3), r"bm25\(\): kk: unknown key 'kk'; did you mean 'k'"),
        (lambda: stage("ranker", "colbret"), "unknown ranker type 'colbret'; did you mean 'colb"),
        (lambda: bm25() >> sentence(), "a retriever cannot follow a retriever"),
        (lambda: extractive() >> colbert(), "a ranker cannot follow a reader"),
        (lambda: bm25() + colbert(), "expected two retrievers or more, or rankers"),
        (lambda: bm25() + extractive(), "only what gives passages can be fused"),
        (lambda: (bm25() + sentence()).by("mean"), "unknown fusion type 'mean'"),
        (lambda: (bm25() + sentence()).by("rank", weights=[1]), "1 weights for 2 fused stages"),
        (lambda: bm25().by("rank"), "nothing to fuse here"),
        (lambda: colbert().spec, "no retriever"),
        (lambda: extractive().spec, "reads passages, and there is no retriever"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(make, complaint: str) -> None:
    with pytest.raises(SpecErrors, match=complaint):
        make()


def test_names_of_several_roles_carry_their_role() -> None:
    assert {"retro_retriever", "retro_ranker", "retro_reader", "bm25"} <= set(dir(stages))
    with pytest.raises(AttributeError, match="no component type 'retro'; there are retro_"):
        _ = stages.retro


@pytest.mark.usefixtures("toys")
def test_it_is_compared_as_a_spec_is(tmp_path) -> None:
    pipeline = stages.overlap_retriever(k=3) >> stages.overlap_ranker(k=2) >> stages.first_word()
    result = odqa.compare(pipeline.named("mine"), toy_dataset(), cache=odqa.Cache(tmp_path))
    assert list(result.pipelines) == ["mine"]
    assert result.result("mine").answers is not None


def test_it_prints_itself() -> None:
    tree = str((bm25(k=5) + sentence()) >> colbert())
    assert tree.splitlines()[1:] == [
        "  ranker colbert",
        "    fusion rrf",
        "      retriever bm25(k=5)",
        "      retriever sentence",
    ]
    assert "<pre" in bm25()._repr_html_()
