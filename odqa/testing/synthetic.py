"""A synthetic comparison of any size, for tests of reports and tracking: nothing is run."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

from odqa.comparison.costs import StageCost
from odqa.comparison.pipeline_result import PipelineResult
from odqa.comparison.result import Comparison
from odqa.execution.latency import Latency
from odqa.explanation import Explanation, Match, Piece
from odqa.meters.meter import Spent
from odqa.metrics.rows import MetricRow
from odqa.spec.pipeline import PipelineSpec, parse_pipeline
from odqa.types import Answer, Hit, Passage, Question

_SPECS = (
    "{name: bm25, retriever: {type: bm25}, reader: {type: extractive, checkpoint: some/reader}}",
    "{name: sbert-colbert, retriever: {type: sentence, checkpoint: some/encoder},"
    " ranker: {type: colbert, checkpoint: some/colbert, k: 20},"
    " reader: {type: extractive, checkpoint: some/reader}}",
    "{name: dpr-colbert, retriever: {type: dpr, question_encoder: some/q, passage_encoder: some/p},"
    " ranker: {type: colbert, checkpoint: some/colbert, k: 20},"
    " reader: {type: extractive, checkpoint: some/reader},"
    " notices: ['some/q and some/p are CC BY-NC 4.0']}",
    "{name: bm25-cross, retriever: {type: bm25},"
    " ranker: {type: cross_encoder, checkpoint: 'embedded:cross-encoder', k: 20},"
    " reader: {type: extractive, checkpoint: some/reader}}",
    "{name: sbert-retro, retriever: {type: sentence, checkpoint: some/encoder},"
    " ranker: {type: retro, checkpoint: some/retro, k: 20},"
    " reader: {type: extractive, checkpoint: some/reader}}",
)
_WORDS = (
    *("river", "city", "king", "war", "song", "island", "bridge"),
    *("paper", "storm", "garden", "train", "light", "stone", "glass"),
)
#: Characters that HTML, JSON and scripts must escape.
_NASTY = "</script><script>alert(1)</script> <!-- \u2028 & \"quotes\" 'and' 😀 </p>"


def synthetic_comparison(
    questions: int = 12,
    pipelines: int = 4,
    *,
    depth: int = 10,
    passage_words: int = 100,
    shared: int = 4,
    explained: int = 0,
) -> Comparison:
    """Invented but consistent results: ranks, answers, outcomes and rows agree.

    Args:
        depth: passages per question and pipeline.
        passage_words: length of each passage.
        shared: how many of them all pipelines retrieve; the others are of one pipeline only.
        explained: for how many questions ColBERT and RETRO give explanations.
    """
    chance = random.Random(7)
    specs = [parse_pipeline(text) for text in _SPECS[:pipelines]]
    question_list = [_question(n) for n in range(questions)]
    passages: dict[str, Passage] = {}
    rows: list[MetricRow] = []
    parts: dict[str, tuple[dict[str, list[Hit]], dict[str, list[Hit]], dict[str, Answer]]] = {
        spec.name: ({}, {}, {}) for spec in specs
    }
    for n, question in enumerate(question_list):
        for p, spec in enumerate(specs):
            ids = [f"{n}-all-{i}" for i in range(shared)]
            ids += [f"{n}-{p}-{i}" for i in range(depth - shared)]
            for passage_id in ids:
                passages.setdefault(passage_id, _passage(passage_id, n, passage_words, chance))
            chance.shuffle(ids)
            ranked = ids if spec.ranker is None else chance.sample(ids, len(ids))
            retrieved_hits, ranked_hits, answers = parts[spec.name]
            retrieved_hits[question.id] = _hits(ids)
            ranked_hits[question.id] = _hits(ranked)
            is_right = chance.random() < 0.3 + 0.1 * p
            gold_id = f"{n}-all-0"
            start = passages[gold_id].text.index(f"answer{n}")
            answers[question.id] = (
                Answer(f"answer{n}", 1.5, gold_id, start, start + len(f"answer{n}"))
                if is_right
                else Answer(chance.choice(_WORDS), 0.5)
            )
            rows += _rows(
                spec.name,
                question.id,
                is_right,
                ranked.index(gold_id) + 1,
                spec.ranker is not None,
                chance,
            )
    results = {
        spec.name: PipelineResult(
            spec,
            *parts[spec.name],
            _costs(spec, questions),
            _timed(spec, question_list),
            _explanations(spec, question_list[:explained], parts[spec.name][1], passages),
        )
        for spec in specs
    }
    manifest = {
        "odqa": "0.1.0",
        "started": "2025-01-02T03:04:05+00:00",
        "seconds": 12.5,
        "dataset": {
            "name": "synthetic",
            "digest": "ab" * 32,
            "corpus": "cd" * 32,
            "passages": len(passages),
            "questions": questions,
        },
        "specs": {spec.name: spec.hash for spec in specs},
        "machine": {"system": "Linux x86_64", "cores": 2, "threads": 1},
        "code": "",
    }
    qrels = {question.id: {f"{n}-all-0": 1} for n, question in enumerate(question_list)}
    return Comparison(
        "synthetic",
        tuple(question_list),
        qrels,
        results,
        tuple(rows),
        passages,
        specs[0].name,
        manifest,
    )


def whole_nq_comparison() -> Comparison:
    """As large as one over the whole NQ-open test set: 3,610 questions, 4 pipelines.

    Pipelines that share but one passage a question are the worst case for a report; explanations
    of 500 questions come on top.
    """
    return synthetic_comparison(3610, 4, depth=10, shared=1, explained=500)


def _question(n: int) -> Question:
    nasty = _NASTY if n == 0 else ""
    return Question(
        f"syn-{n:04d}", f"which {_WORDS[n % 14]} is number {n}? {nasty}", (f"Answer{n}",)
    )


def _passage(passage_id: str, n: int, n_words: int, chance: random.Random) -> Passage:
    text = " ".join(chance.choice(_WORDS) for _ in range(n_words))
    if passage_id.endswith("all-0"):
        text = f"{_NASTY if n == 0 else 'Tōkyō'} it is answer{n}, {text}"
    return Passage(passage_id, text, f"Title {passage_id}")


def _hits(ids: Sequence[str]) -> list[Hit]:
    return [Hit(passage_id, 20.0 - rank) for rank, passage_id in enumerate(ids)]


def _rows(
    pipeline: str, question: str, is_right: bool, rank: int, has_ranker: bool, chance: random.Random
) -> list[MetricRow]:
    # A question that was not answered was lost by one of its stages.
    retrieved = is_right or chance.random() < 0.8
    in_ranked = is_right or (retrieved and (not has_ranker or chance.random() < 0.8))
    values = {
        "em": float(is_right),
        "f1": 1.0 if is_right else round(chance.random() / 2, 3),
        "retrieved_oracle": float(retrieved),
        "ranked_oracle": float(in_ranked),
        "ranked_mrr@10": 1 / rank,
    }
    return [MetricRow(pipeline, question, name, value) for name, value in values.items()]


def _costs(spec: PipelineSpec, questions: int) -> tuple[StageCost, ...]:
    spent = {"retriever": 0.002, "ranker": 0.02, "reader": 0.01}
    stored: dict[str, dict[str, int]] = {
        "retriever": {"passage vectors": 3_000_000, "hnsw index": 1_000_000},
        "ranker": {},
        "reader": {},
    }
    return tuple(
        StageCost(
            stage.role,
            stage.type,
            Spent(3.5, 300_000_000),
            Spent(spent[stage.role] * questions, 400_000_000, None, 0.5 * questions, "RAPL"),
            stage.role == "retriever",
            ("another",) if stage.role == "retriever" else (),
            22_000_000,
            None if stage.type == "bm25" else 1.25,
            sum(stored[stage.role].values()),
            stored[stage.role],
            {"device": "cpu"},
            id=stage_id,
        )
        for stage_id, stage in ((node.id, node.stage) for node in spec.graph.nodes)
    )


def _timed(spec: PipelineSpec, questions: Sequence[Question]) -> Latency:
    ids = tuple(question.id for question in questions[:5])
    seconds = {node.id: 0.004 * n for n, node in enumerate(spec.graph.nodes, start=1)}
    return Latency(ids, {stage: (value,) * len(ids) for stage, value in seconds.items()})


def _explanations(
    spec: PipelineSpec,
    questions: Sequence[Question],
    ranked: Mapping[str, list[Hit]],
    passages: Mapping[str, Passage],
) -> dict[str, tuple[Explanation, ...]]:
    kind = next((stage.type for stage in spec.stages if stage.role == "ranker"), "")
    if kind not in ("colbert", "retro"):
        return {}
    chance, explanations = random.Random(11), {}
    for question in questions:
        best = [passages[hit.passage_id] for hit in ranked[question.id][:3]]
        explanations[question.id] = tuple(
            _alignment(question, passage, chance)
            if kind == "colbert"
            else _attention(passage, (0.5, 0.375, 0.125)[rank], chance)
            for rank, passage in enumerate(best)
        )
    return explanations


def _alignment(question: Question, passage: Passage, chance: random.Random) -> Explanation:
    spans = [(0, 0), *(m.span() for m in re.finditer(r"\S+", passage.full_text))]
    tokens = ["[CLS]", *question.text.split(), *["[MASK]"] * 3]
    matched = [chance.randrange(len(spans)) for _ in tokens]
    scores = [round(chance.uniform(0.2, 1.0), 3) for _ in tokens]
    positions = sorted(set(matched))
    best = {
        position: max(s for c, s in zip(matched, scores, strict=True) if c == position)
        for position in positions
    }
    return Explanation(
        passage.id,
        "alignment",
        tuple(Piece(*spans[position], best[position]) for position in positions),
        tuple(
            Match(token, positions.index(position), score)
            for token, position, score in zip(tokens, matched, scores, strict=True)
        ),
    )


def _attention(passage: Passage, share: float, chance: random.Random) -> Explanation:
    spans = [m.span() for m in re.finditer(r"\S+", passage.full_text)]
    weights = [chance.random() ** 4 for _ in spans]
    total = sum(weights)
    pieces = tuple(
        Piece(*span, float(f"{share * weight / total:.4g}"))
        for span, weight in zip(spans, weights, strict=True)
    )
    return Explanation(passage.id, "attention", pieces, share=share)
