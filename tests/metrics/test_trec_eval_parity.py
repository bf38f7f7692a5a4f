"""The same scores as trec_eval (called directly, and by formulas written out here)."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from odqa.metrics.retrieval import score_ranking
from odqa.types import Hit

pytrec_eval = pytest.importorskip("pytrec_eval")

CUTS = (1, 5, 20, 100)
Judgements = dict[str, dict[str, int]]


def compare(run: dict[str, list[str]], qrels: Judgements) -> int:
    """Compare every question that has a relevant passage; returns how many."""
    hits = {q: [Hit(p, 1.0) for p in ranking] for q, ranking in run.items()}
    scores = score_ranking(hits, qrels, CUTS)
    measures = {"map", "ndcg_cut.10", "recip_rank", "recall.1,5,20,100", "success.1,5,20,100"}
    evaluator = pytrec_eval.RelevanceEvaluator(qrels, measures)
    passage_scores = {q: {p: 1000.0 - i for i, p in enumerate(r)} for q, r in run.items()}
    peer_scores = evaluator.evaluate(passage_scores)
    for question, values in scores.items():
        peer_values = peer_scores.get(question)
        if not run[question]:
            assert not any(values.values())
            continue
        assert peer_values is not None
        reciprocal = peer_values["recip_rank"]
        expected = {
            f"{m}@{k}": peer_values[f"{m}_{k}"] for m in ("recall", "success") for k in CUTS
        }
        expected |= {"map": peer_values["map"], "ndcg@10": peer_values["ndcg_cut_10"]}
        expected["mrr@10"] = reciprocal if reciprocal >= 0.0999 else 0.0
        assert values == pytest.approx(expected, abs=1e-12)
        assert values == pytest.approx(by_hand(run[question], qrels[question]), abs=1e-9)
    return len(scores)


def by_hand(ranking: Sequence[str], judged: dict[str, int]) -> dict[str, float]:
    gains = [max(0, judged.get(passage, 0)) for passage in ranking]
    ranks = [rank for rank, gain in enumerate(gains, 1) if gain > 0]
    relevant = sum(grade > 0 for grade in judged.values())
    ideal = sorted((max(0, grade) for grade in judged.values()), reverse=True)

    def discounted(values: Sequence[int]) -> float:
        return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(values[:10], 1))

    return (
        {f"recall@{k}": sum(rank <= k for rank in ranks) / relevant for k in CUTS}
        | {f"success@{k}": float(any(rank <= k for rank in ranks)) for k in CUTS}
        | {
            "map": sum(i / rank for i, rank in enumerate(ranks, 1)) / relevant,
            "mrr@10": 1 / ranks[0] if ranks and ranks[0] <= 10 else 0.0,
            "ndcg@10": discounted(gains) / discounted(ideal),
        }
    )


def test_adversarial_cases() -> None:
    source = random.Random(0)
    # Ids that sort against the ranking, look like numbers, or are not ASCII.
    ids = [f"{i:03}" for i in range(60)] + [f"p{i}" for i in range(60)] + ["é", "doc-1", "Z", "0"]
    run: dict[str, list[str]] = {}
    qrels: Judgements = {}
    for number in range(1500):
        question = f"q{number}"
        run[question] = source.sample(ids, source.choice([0, 1, 5, 10, 11, 100]))
        if source.random() < 0.95:
            judged = source.sample(ids, source.choice([1, 1, 2, 5, 30]))
            qrels[question] = {passage: source.choice([0, 1, 1, 2, 3]) for passage in judged}
    assert compare(run, qrels) > 1000


def test_real_qrels(shared_data: Path) -> None:
    source = random.Random(1)
    qrels: Judgements = {}
    for name in ("nq-dev.qrels", "nq-train.qrels"):
        for line in (shared_data / "nq-mini" / name).read_text(encoding="utf-8").splitlines():
            question, _, passage, grade = line.split()
            qrels.setdefault(question, {})[passage] = int(grade)
    run: dict[str, list[str]] = {}
    for question, judged in qrels.items():
        others = {str(source.randint(1, 18148)) for _ in range(100)} - set(judged)
        ranking = sorted(others, key=lambda _: source.random())
        for passage in judged:
            ranking.insert(min(int(source.expovariate(0.2)), len(ranking)), passage)
        run[question] = ranking
    assert compare(run, qrels) >= 1000
