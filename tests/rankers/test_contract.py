"""What every ranker promises, checked on those that read text pairs or token vectors."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.interfaces import Ranker
from odqa.rankers.colbert import ColbertConfig, ColbertRanker
from odqa.rankers.cross_encoder import CrossEncoderConfig, CrossEncoderRanker
from odqa.testing.tiny_checkpoints import WORDS, tiny_bert, tiny_colbert
from odqa.types import Hit, Passage, Question

QUESTIONS = [
    Question("q0", "who built the tower bridge"),
    Question("q1", "what is the river of the old king"),
    Question("q2", "when was the engine opened?"),
]


def passages() -> list[Passage]:
    draw = random.Random(0)
    vocabulary = WORDS.split()
    texts = [" ".join(draw.choices(vocabulary, k=draw.randint(2, 40))) for _ in range(12)]
    passages = [
        Passage(f"p{i}", text, title="king" if i % 3 else "") for i, text in enumerate(texts)
    ]
    # Three copies of one text, far apart in the corpus: they must tie exactly.
    copies = [Passage(f"copy{i}", "the river, of the king.") for i in range(3)]
    return [copies[0], *passages[:6], copies[1], *passages[6:], copies[2]]


CORPUS = passages()
IDS = [passage.id for passage in CORPUS]

Make = Callable[..., Ranker]


@pytest.fixture(scope="module", params=["colbert-offline", "colbert-online", "cross-encoder"])
def make(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """A function from parameters to a prepared ranker of one kind."""
    root = tmp_path_factory.mktemp(request.param)
    corpus, cache = Corpus.from_passages(CORPUS), Cache(root / "cache")
    if request.param == "cross-encoder":
        folder = tiny_bert(root / "model", "BertForSequenceClassification", num_labels=1)
    else:
        folder = tiny_colbert(root / "model")

    def build(**parameters: object) -> Ranker:
        ranker: Ranker
        if request.param == "cross-encoder":
            ranker = CrossEncoderRanker(CrossEncoderConfig(checkpoint=str(folder), **parameters))
        else:
            store = request.param.removeprefix("colbert-")
            config = ColbertConfig(checkpoint=str(folder), store=store, **parameters)
            ranker = ColbertRanker(config)
        ranker.prepare(corpus, cache)
        return ranker

    return build


def hits(order: list[str]) -> list[Hit]:
    return [Hit(passage_id, float(len(order) - i)) for i, passage_id in enumerate(order)]


def test_ids_out_are_ids_in_and_scores_fall(make: Make) -> None:
    for ranked in make().rank(QUESTIONS, [hits(IDS)] * 3, 100):
        assert sorted(hit.passage_id for hit in ranked) == sorted(IDS)
        scores = [hit.score for hit in ranked]
        assert scores == sorted(scores, reverse=True)
        assert len(set(scores)) > 10


def test_k_cuts_the_full_ranking(make: Make) -> None:
    ranker = make()
    full = ranker.rank(QUESTIONS, [hits(IDS)] * 3, 100)
    assert ranker.rank(QUESTIONS, [hits(IDS)] * 3, 4) == [ranked[:4] for ranked in full]


def test_the_order_of_the_hits_does_not_matter(make: Make) -> None:
    ranker = make()
    distinct = [i for i in IDS if not i.startswith("copy")]
    shuffled = random.Random(1).sample(distinct, len(distinct))
    first = ranker.rank(QUESTIONS, [hits(distinct)] * 3, 100)
    assert ranker.rank(QUESTIONS, [hits(shuffled)] * 3, 100) == first


def test_ties_keep_the_incoming_order(make: Make) -> None:
    ranker = make()
    for order in (["copy0", "copy1", "copy2"], ["copy2", "copy0", "copy1"]):
        subset = [*IDS[1:4], *order]
        (ranked,) = ranker.rank(QUESTIONS[:1], [hits(subset)], 100)
        copies = [hit for hit in ranked if hit.passage_id.startswith("copy")]
        assert [hit.passage_id for hit in copies] == order
        assert len({hit.score for hit in copies}) == 1


def test_batches_do_not_matter(make: Make) -> None:
    together = make(batch_size=32).rank(QUESTIONS, [hits(IDS)] * 3, 100)
    single = make(batch_size=1)
    for question, expected in zip(QUESTIONS, together, strict=True):
        (alone,) = single.rank([question], [hits(IDS)], 100)
        scores = {hit.passage_id: hit.score for hit in alone}
        for hit in expected:
            assert scores[hit.passage_id] == pytest.approx(hit.score, abs=1e-5 * 16)


def test_empty_and_single_input(make: Make) -> None:
    ranker = make()
    assert ranker.rank([], [], 5) == []
    assert ranker.rank(QUESTIONS[:2], [[], []], 5) == [[], []]
    mixed = ranker.rank(QUESTIONS, [[], hits(["p1"]), []], 5)
    assert [[hit.passage_id for hit in ranked] for ranked in mixed] == [[], ["p1"], []]


def test_closed_and_prepared_again(make: Make, tmp_path: Path) -> None:
    ranker = make()
    before = ranker.rank(QUESTIONS, [hits(IDS)] * 3, 3)
    ranker.close()
    ranker.prepare(Corpus.from_passages(CORPUS), Cache(tmp_path))
    assert ranker.rank(QUESTIONS, [hits(IDS)] * 3, 3) == before
