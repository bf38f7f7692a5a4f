"""The ColBERT ranker: scores, store, alignment, cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.encoders.late_interaction import LateInteractionEncoder
from odqa.errors import CheckpointError, ComponentError
from odqa.rankers.colbert import ColbertConfig, ColbertRanker
from odqa.testing.tiny_checkpoints import tiny_bert, tiny_colbert
from odqa.types import Hit, Passage, Question

QUESTION = Question("q", "who built the tower bridge")
CORPUS = [
    Passage("a", "the bridge was built by a king.", "tower"),
    Passage("b", "a poem of the river"),
    Passage("c", "the engine, the engine, the engine: who built it? " * 2),
]
HITS = [Hit("a", 3.0), Hit("b", 2.0), Hit("c", 1.0)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_colbert(tmp_path_factory.mktemp("models") / "colbert"))


def prepared(config: ColbertConfig, cache: Path) -> ColbertRanker:
    ranker = ColbertRanker(config)
    ranker.prepare(Corpus.from_passages(CORPUS), Cache(cache))
    return ranker


def scores(ranker: ColbertRanker) -> dict[str, float]:
    (ranked,) = ranker.rank([QUESTION], [HITS], 10)
    return {hit.passage_id: hit.score for hit in ranked}


def test_score_is_the_maxsim_of_title_and_text(checkpoint: str, tmp_path: Path) -> None:
    encoder = LateInteractionEncoder(checkpoint)
    query = encoder.encode_queries([QUESTION.text])[0]
    online = scores(prepared(ColbertConfig(checkpoint=checkpoint, store="online"), tmp_path))
    offline = scores(prepared(ColbertConfig(checkpoint=checkpoint), tmp_path))
    for passage in CORPUS:
        tokens = encoder.encode_passages([passage.full_text]).vectors
        expected = float((query @ tokens.T).max(axis=1).sum())
        assert online[passage.id] == pytest.approx(expected, abs=1e-5)
        # Float16 moves a unit vector by at most 2^-11, and 16 question tokens add up.
        assert offline[passage.id] == pytest.approx(expected, abs=16 * 2**-11)


def test_alignment_names_the_tokens_and_adds_up(checkpoint: str, tmp_path: Path) -> None:
    ranker = prepared(ColbertConfig(checkpoint=checkpoint, store="online"), tmp_path)
    matches = ranker.align(QUESTION, CORPUS[0])
    assert [m.query_token for m in matches[:4]] == ["[CLS]", "[unused0]", "who", "built"]
    assert len(matches) == 16
    tokens = [
        "[CLS]",
        "[unused1]",
        "tower",
        "the",
        "bridge",
        "was",
        "built",
        "by",
        "a",
        "king",
        "[SEP]",
    ]
    assert all(match.passage_token == tokens[match.passage_index] for match in matches)
    assert sum(m.score for m in matches) == pytest.approx(scores(ranker)["a"], abs=1e-5)


def test_passages_are_encoded_once(
    checkpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepared(ColbertConfig(checkpoint=checkpoint), tmp_path)
    expected_scores = scores(first)
    tokens = [len(first._model.passage_tokens(p.full_text)) for p in CORPUS]
    (stored,) = first.stored()
    # Float16 vectors of width 16 and four offsets, behind two headers; a manifest may come too.
    assert stored.bytes >= 256 + sum(tokens) * 16 * 2 + 4 * 8

    def never(*args: object) -> None:
        raise AssertionError("passages were encoded again")

    monkeypatch.setattr(LateInteractionEncoder, "encode_passages", never)
    assert scores(prepared(ColbertConfig(checkpoint=checkpoint), tmp_path)) == expected_scores


def test_another_length_or_corpus_is_another_store(checkpoint: str, tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for config in (
        ColbertConfig(checkpoint=checkpoint),
        ColbertConfig(checkpoint=checkpoint, doc_maxlen=8),
        # The question's length and the batch size change nothing that is stored.
        ColbertConfig(checkpoint=checkpoint, query_maxlen=8, batch_size=1),
    ):
        ColbertRanker(config).prepare(Corpus.from_passages(CORPUS), cache)
    assert cache.misses == 2
    ranker = ColbertRanker(ColbertConfig(checkpoint=checkpoint))
    ranker.prepare(Corpus.from_passages(CORPUS), cache)
    ranker.prepare(Corpus.from_passages(CORPUS[::-1]), cache)
    assert cache.misses == 3
    assert scores(ranker).keys() == {"a", "b", "c"}


def test_cost_by_hand(checkpoint: str, tmp_path: Path) -> None:
    offline = prepared(ColbertConfig(checkpoint=checkpoint), tmp_path)
    n = {p.id: len(offline._model.passage_tokens(p.full_text)) for p in CORPUS}

    def encoded(tokens: int) -> int:
        # 2 layers of width 32, feed-forward 64; then 32 -> 16.
        layer = 8 * tokens * 32 * 32 + 4 * tokens * tokens * 32 + 4 * tokens * 32 * 64
        return 2 * layer + 2 * tokens * 32 * 16

    match = 2 * 16 * 16 * (n["a"] + n["b"])
    cost = offline.cost(QUESTION, HITS[:2])
    assert cost.gflop == pytest.approx((encoded(16) + match) / 1e9)
    online = prepared(ColbertConfig(checkpoint=checkpoint, store="online"), tmp_path)
    passage_flop = encoded(n["a"]) + encoded(n["b"])
    assert online.cost(QUESTION, HITS[:2]).gflop == pytest.approx(
        (encoded(16) + match + passage_flop) / 1e9
    )
    assert online.stored() == ()
    weights = LateInteractionEncoder(checkpoint)
    weights.load()
    assert cost.parameters == weights.parameters > 32 * 16


def test_description_and_place_on_the_map(checkpoint: str, tmp_path: Path) -> None:
    ranker = prepared(ColbertConfig(checkpoint=checkpoint, query_maxlen=12), tmp_path)
    assert ranker.describe()["device"] == "cpu"
    assert ranker.describe()["query tokens"] == "12"
    assert (ranker.representation, ranker.interaction) == (
        "intra-passage dynamic",
        "query-document",
    )
    assert ranker.precomputes == ("passage token vectors",)


def test_device_and_batch_size_are_no_part_of_the_identity() -> None:
    plain = ColbertConfig(checkpoint="x")
    assert ColbertConfig(checkpoint="x", device="auto", batch_size=1).identity() == plain.identity()
    assert ColbertConfig(checkpoint="x", alpha=0.1).identity() != plain.identity()


def test_wrong_checkpoint_and_unprepared_are_one_line(tmp_path: Path) -> None:
    plain = str(tiny_bert(tmp_path / "bert"))
    with pytest.raises(CheckpointError, match="no ColBERT projection") as caught:
        prepared(ColbertConfig(checkpoint=plain), tmp_path / "cache")
    assert "\n" not in str(caught.value)
    colbert = str(tiny_colbert(tmp_path / "colbert"))
    with pytest.raises(ComponentError, match="not prepared"):
        ColbertRanker(ColbertConfig(checkpoint=colbert)).rank([QUESTION], [HITS], 3)


def test_weights_that_are_no_numbers_are_one_line(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tiny_colbert(tmp_path / "colbert")
    path = folder / "model.safetensors"
    weights = load_file(path)
    weights["linear.weight"][:] = np.nan
    save_file(weights, path, {"format": "pt"})
    ranker = prepared(ColbertConfig(checkpoint=str(folder), store="online"), tmp_path / "cache")
    with pytest.raises(CheckpointError, match="gives question 'q' a vector that is no finite"):
        scores(ranker)


@pytest.mark.parametrize("store", ["offline", "online"])
def test_explanations_add_up_to_the_score_and_name_the_text(
    checkpoint: str, tmp_path: Path, store: str
) -> None:
    ranker = prepared(
        ColbertConfig.model_validate({"checkpoint": checkpoint, "store": store}), tmp_path
    )
    questions = [QUESTION, Question("none", "a river")]
    explained, nothing = ranker.explain(questions, [HITS, []])
    assert nothing == [] and [explanation.passage_id for explanation in explained] == [
        "a",
        "b",
        "c",
    ]
    for explanation, passage in zip(explained, CORPUS, strict=True):
        total = sum(match.score for match in explanation.matches)
        assert total == pytest.approx(scores(ranker)[passage.id], abs=1e-4)
        aligned = ranker.align(QUESTION, passage)
        assert [match.token for match in explanation.matches] == [m.query_token for m in aligned]
        for match, expected in zip(explanation.matches, aligned, strict=True):
            piece = explanation.pieces[match.piece]
            text = passage.full_text[piece.start : piece.end]
            # Random vectors have no near ties, so that rounding to float16 changes no choice.
            marker = expected.passage_token.startswith("[")
            assert text == ("" if marker else expected.passage_token.removeprefix("##"))


def test_spans_stand_beside_the_tokens_also_where_a_passage_is_cut(checkpoint: str) -> None:
    encoder = LateInteractionEncoder(checkpoint, doc_maxlen=12)
    for text in (CORPUS[2].full_text, "", "Café, Tōkyō!"):
        spans, tokens = encoder.passage_spans(text), encoder.passage_tokens(text)
        assert len(spans) == len(tokens) <= 12
        assert spans[:2] == [(0, 0), (0, 0)] and spans[-1] == (0, 0)
        assert all(end > start for start, end in spans[2:-1])
