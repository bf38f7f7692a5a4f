"""Every way to put stages together, as it is written in a spec."""

from __future__ import annotations

import random

import pytest

#: Name -> the slots as YAML, and the graph that they mean: every stage with what feeds it.
FORMS: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "one stage": ("retriever: {type: bm25}", {"bm25": ()}),
    "rewriter": (
        "rewriter: {type: keywords, by: min_max, keep_question: true}\n"
        "retriever: {type: bm25}\n"
        "reader: {type: extractive}",
        {"keywords": (), "bm25": ("keywords",), "extractive": ("bm25",)},
    ),
    "fuse": (
        "retriever: {fuse: [{type: bm25}, {type: sentence, k: 30}]}",
        {"bm25": (), "sentence": (), "rrf": ("bm25", "sentence")},
    ),
    "fuse by rrf": (
        "retriever: {fuse: [{type: bm25}, {type: sentence}], by: rrf, constant: 10, k: 7}",
        {"bm25": (), "sentence": (), "rrf": ("bm25", "sentence")},
    ),
    "fuse by rank": (
        "retriever: {fuse: [{type: bm25}, {type: dpr}, {type: sentence}], by: rank}",
        {"bm25": (), "dpr": (), "sentence": (), "rank": ("bm25", "dpr", "sentence")},
    ),
    "fuse by min_max with weights": (
        "retriever: {fuse: [{type: bm25}, {type: sentence}], by: min_max, weights: [0.5, 2]}",
        {"bm25": (), "sentence": (), "min_max": ("bm25", "sentence")},
    ),
    "fuse by z_score with an id": (
        "retriever: {fuse: [{type: bm25, id: words}, {type: sentence}], by: z_score, id: both}",
        {"words": (), "sentence": (), "both": ("words", "sentence")},
    ),
    "fuse in a fuse": (
        "retriever: {fuse: [{fuse: [{type: bm25}, {type: sentence}], by: z_score},"
        " {type: dpr}], by: rank}",
        {
            "bm25": (),
            "sentence": (),
            "z_score": ("bm25", "sentence"),
            "dpr": (),
            "rank": ("z_score", "dpr"),
        },
    ),
    "list of one": ("retriever: [{type: bm25}]", {"bm25": ()}),
    "list": (
        "retriever: [{type: bm25}, {type: colbert, k: 5}]\nranker: {type: cross_encoder}",
        {"bm25": (), "colbert": ("bm25",), "cross_encoder": ("colbert",)},
    ),
    "list in a fuse": (
        "retriever: {fuse: [[{type: bm25}, {type: colbert}], {type: sentence}]}",
        {"bm25": (), "colbert": ("bm25",), "sentence": (), "rrf": ("colbert", "sentence")},
    ),
    "list that starts with a fuse": (
        "retriever: [{fuse: [{type: bm25}, {type: sentence}]}, {type: colbert}]",
        {"bm25": (), "sentence": (), "rrf": ("bm25", "sentence"), "colbert": ("rrf",)},
    ),
    "mapping": (
        "retriever: {rewriter: {type: keywords}, retriever: {type: bm25}}",
        {"keywords": (), "bm25": ("keywords",)},
    ),
    "mapping with nulls": (
        "retriever: {rewriter: null, retriever: {type: bm25}, ranker: null}",
        {"bm25": ()},
    ),
    "mapping in a fuse": (
        "rewriter: {type: keywords, keep_question: true}\n"
        "retriever: {fuse: [{rewriter: {type: keywords}, retriever: {type: bm25},"
        " ranker: {type: colbert}}, {type: sentence}]}",
        {
            "keywords": (),
            "keywords-2": ("keywords",),
            "bm25": ("keywords-2",),
            "colbert": ("bm25",),
            "sentence": ("keywords",),
            "rrf": ("colbert", "sentence"),
        },
    ),
    "mapping in a mapping": (
        "retriever: {rewriter: {type: keywords}, retriever:"
        " {rewriter: {type: keywords, keep_question: true}, retriever: {type: bm25}}}",
        {"keywords": (), "keywords-2": ("keywords",), "bm25": ("keywords-2",)},
    ),
    "mapping of compositions": (
        "retriever: {retriever: {fuse: [{type: bm25}, {type: sentence}]},"
        " ranker: [{type: colbert, k: 20}, {type: cross_encoder}]}",
        {
            "bm25": (),
            "sentence": (),
            "rrf": ("bm25", "sentence"),
            "colbert": ("rrf",),
            "cross_encoder": ("colbert",),
        },
    ),
    "list of rankers": (
        "retriever: {type: bm25}\nranker: [{type: colbert, k: 20}, {type: cross_encoder, k: 5}]",
        {"bm25": (), "colbert": ("bm25",), "cross_encoder": ("colbert",)},
    ),
    "cascade": (
        "retriever: {type: bm25}\n"
        "ranker: {type: cascade, k: 5, stages: [{type: colbert, k: 20}, {type: cross_encoder}]}",
        {"bm25": (), "colbert": ("bm25",), "cross_encoder": ("colbert",)},
    ),
    "cascade of a cascade": (
        "retriever: {type: bm25}\n"
        "ranker: {type: cascade, k: 8, stages: [{type: retro, k: 20},"
        " {type: cascade, k: 5, stages: [{type: colbert}, {type: cross_encoder, k: 10}]}]}",
        {"bm25": (), "retro": ("bm25",), "colbert": ("retro",), "cross_encoder": ("colbert",)},
    ),
    "fused rankers": (
        "retriever: {type: bm25}\n"
        "ranker: {fuse: [{type: colbert}, {type: cross_encoder}], by: z_score, weights: [1, 3]}",
        {
            "bm25": (),
            "colbert": ("bm25",),
            "cross_encoder": ("bm25",),
            "z_score": ("colbert", "cross_encoder"),
        },
    ),
    "fused rankers behind a ranker": (
        "retriever: {type: bm25}\n"
        "ranker: [{type: colbert}, {fuse: [[{type: retro}, {type: colbert, id: again}],"
        " {type: cross_encoder}], k: 3}]\n"
        "reader: {type: extractive}",
        {
            "bm25": (),
            "colbert": ("bm25",),
            "retro": ("colbert",),
            "again": ("retro",),
            "cross_encoder": ("colbert",),
            "rrf": ("again", "cross_encoder"),
            "extractive": ("rrf",),
        },
    ),
    "reader of predictions alone": (
        "retriever: null\nreader: {type: predictions, path: answers.json}",
        {"predictions": ()},
    ),
    "reader with a closed book": (
        "retriever: null\nreader: {type: retro, layout: closed-book}",
        {"retro": ()},
    ),
}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    """A whole spec of every form, as YAML."""
    return f"name: x\n{FORMS[request.param][0]}\n"


@pytest.fixture(params=FORMS)
def form_and_edges(request: pytest.FixtureRequest) -> tuple[str, dict[str, tuple[str, ...]]]:
    """The same, with the graph that it means."""
    slots, edges = FORMS[request.param]
    return f"name: x\n{slots}\n", edges


@pytest.fixture(params=range(60))
def anything(request: pytest.FixtureRequest) -> dict[str, object]:
    """A valid spec, put together by chance."""
    draw = random.Random(request.param)
    return {"name": "x", **{role: random_slot(draw, role, 3) for role in ("retriever", "ranker")}}


def random_slot(draw: random.Random, role: str, depth: int) -> object:
    """Anything that the slot of a role can hold."""
    types = {"retriever": ("bm25", "sentence", "dpr"), "ranker": ("colbert", "cross_encoder")}
    kind = draw.choice(["stage", "fuse", "list", "own"]) if depth else "stage"
    if kind == "stage":
        return {"type": draw.choice(types[role]), "k": draw.randint(1, 9)}
    several = [random_slot(draw, role, depth - 1) for _ in range(draw.randint(2, 3))]
    if kind == "fuse":
        weights = {"weights": [draw.randint(1, 3) for _ in several]} if draw.random() < 0.5 else {}
        by = (
            {"by": draw.choice(["rrf", "rank", "min_max", "z_score"])}
            if draw.random() < 0.7
            else {}
        )
        return {"fuse": several, "k": draw.randint(1, 9), **by, **weights}
    rankers = [random_slot(draw, "ranker", depth - 1) for _ in range(draw.randint(0, 2))]
    if kind == "list":
        return [several[0], *rankers]
    if role == "ranker":
        return {"type": "cascade", "k": draw.randint(1, 9), "stages": several}
    rewriter = {"rewriter": {"type": "keywords"}} if draw.random() < 0.5 else {}
    return {**rewriter, "retriever": several[0], **({"ranker": rankers} if rankers else {})}
