from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.encoders.text import TextEncoder
from odqa.errors import CheckpointError
from odqa.retrievers.dpr import DprConfig, DprRetriever
from odqa.testing.conformance import check_retriever
from odqa.testing.tiny_checkpoints import tiny_bert, tiny_tokenizer
from odqa.types import Passage, Question

PASSAGES = [
    Passage("1", "the tower of the old king was built in the north", "tower"),
    Passage("2", "a river flows through the city", "river city"),
    Passage("3", "which poem is the last", ""),
    Passage("4", "the first engine was old", "engine"),
    Passage("5", "who died in the new century", "century born"),
    Passage("6", "bridge", "bridge"),
]
QUESTIONS = [
    Question("a", "who built the tower"),
    Question("b", "where is the river"),
    Question("c", "when was the first engine of the new century built in the south"),
]


def tiny_dpr(folder: Path, kind: str, *, width: int = 32, projection: int = 0) -> Path:
    """A random checkpoint in the hub format of ``facebook/dpr-*``."""
    import transformers

    tokenizer = tiny_tokenizer(folder)
    config = transformers.DPRConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        initializer_range=0.3,
        projection_dim=projection,
    )
    torch.manual_seed(len(kind))
    getattr(transformers, kind)(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def towers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("dpr")
    return (
        tiny_dpr(root / "question", "DPRQuestionEncoder"),
        tiny_dpr(root / "passage", "DPRContextEncoder"),
    )


def ready(question: Path | str, passage: Path | str, cache: Path, **keys: Any) -> DprRetriever:
    config = DprConfig(question_encoder=str(question), passage_encoder=str(passage), **keys)
    retriever = DprRetriever(config)
    retriever.prepare(Corpus.from_passages(PASSAGES), Cache(cache))
    return retriever


def home_vectors(folder: Path, kind: str, *texts: list[str]) -> np.ndarray:
    """What transformers' own DPR classes give, all texts in one padded batch."""
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = getattr(transformers, kind).from_pretrained(folder).eval()
    batch = tokenizer(*texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
    with torch.no_grad():
        output = model(batch["input_ids"], attention_mask=batch["attention_mask"])
    return np.asarray(output.pooler_output.numpy())


def test_scores_equal_transformers(towers: tuple[Path, Path], tmp_path: Path) -> None:
    question, passage = towers
    with_title = [p for p in PASSAGES if p.title]
    titles, texts = [p.title for p in with_title], [p.text for p in with_title]
    passages = home_vectors(passage, "DPRContextEncoder", titles, texts)
    # DPR encodes a passage without title as its text alone.
    alone = home_vectors(passage, "DPRContextEncoder", [PASSAGES[2].text])
    vectors = np.concatenate([passages[:2], alone, passages[2:]])
    questions = home_vectors(question, "DPRQuestionEncoder", [q.text for q in QUESTIONS])
    expected = questions @ vectors.T
    rankings = ready(question, passage, tmp_path).retrieve(QUESTIONS, 6)
    for q, hits in enumerate(rankings):
        assert [int(hit.passage_id) - 1 for hit in hits] == np.argsort(-expected[q]).tolist()
        for hit in hits:
            assert hit.score == pytest.approx(expected[q, int(hit.passage_id) - 1], abs=1e-4)


def test_vectors_equal_transformers(towers: tuple[Path, Path]) -> None:
    for folder, kind in zip(towers, ["DPRQuestionEncoder", "DPRContextEncoder"], strict=True):
        encoder = TextEncoder(str(folder), pooling="auto", normalize=None)
        texts = [q.text for q in QUESTIONS]
        np.testing.assert_allclose(
            encoder.encode(texts), home_vectors(folder, kind, texts), atol=1e-5
        )


def test_a_projection_is_applied(tmp_path: Path) -> None:
    folder = tiny_dpr(tmp_path / "q", "DPRQuestionEncoder", projection=12)
    encoder = TextEncoder(str(folder), pooling="auto", normalize=None)
    vectors = encoder.encode(["the river", "king"])
    assert encoder.dim == 12
    expected = home_vectors(folder, "DPRQuestionEncoder", ["the river", "king"])
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_the_contract(towers: tuple[Path, Path], tmp_path: Path) -> None:
    check_retriever(ready(*towers, tmp_path), QUESTIONS, len(PASSAGES))


def test_plain_bert_folders_are_pooled_at_the_first_token(tmp_path: Path) -> None:
    question, passage = tiny_bert(tmp_path / "q"), tiny_bert(tmp_path / "p", seed=1)
    hits = ready(question, passage, tmp_path / "cache").retrieve(QUESTIONS[:1], 6)[0]
    question_vectors = TextEncoder(str(question), pooling="cls", normalize=False).encode(
        [QUESTIONS[0].text]
    )
    tower = TextEncoder(str(passage), pooling="cls", normalize=False)
    tower.load()
    pairs = tower.tokens([p.text for p in PASSAGES], [p.title for p in PASSAGES])
    vectors = tower.encode_tokens(pairs)
    expected = dict(zip("123456", (vectors @ question_vectors[0]).tolist(), strict=True))
    assert {hit.passage_id: hit.score for hit in hits} == pytest.approx(expected, abs=1e-4)


def test_sentence_checkpoints_get_title_and_text_joined(tmp_path: Path) -> None:
    # The base model of all embedded ones: a sentence-transformers folder.
    auto = ready("embedded:minilm", "embedded:minilm", tmp_path)
    joined = ready("embedded:minilm", "embedded:minilm", tmp_path, passage_format="joined")
    pair = ready("embedded:minilm", "embedded:minilm", tmp_path, passage_format="pair")
    rankings = [retriever.retrieve(QUESTIONS, 6) for retriever in (auto, joined, pair)]
    assert rankings[0] == rankings[1] != rankings[2]


def test_towers_of_different_width_are_refused(towers: tuple[Path, Path], tmp_path: Path) -> None:
    mismatched = tiny_dpr(tmp_path / "wide", "DPRContextEncoder", width=48)
    with pytest.raises(CheckpointError, match=r"vectors of width 32, the passage encoder .* 48;"):
        ready(towers[0], mismatched, tmp_path)


def test_exchanged_towers_are_refused(towers: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="wrong way round; exchange them"):
        ready(towers[1], towers[0], tmp_path)


def test_dpr_checkpoints_pool_by_themselves(towers: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="pooling 'mean' does not fit a DPR checkpoint"):
        ready(*towers, tmp_path, pooling="mean")


def test_the_question_encoder_is_no_part_of_the_stored_vectors(
    towers: tuple[Path, Path], tmp_path: Path
) -> None:
    ready(*towers, tmp_path / "cache")
    mismatched = tiny_dpr(tmp_path / "other", "DPRQuestionEncoder", projection=0)
    retriever = DprRetriever(
        DprConfig(question_encoder=str(mismatched), passage_encoder=str(towers[1]))
    )
    cache = Cache(tmp_path / "cache")
    retriever.prepare(Corpus.from_passages(PASSAGES), cache)
    assert (cache.hits, cache.misses) == (1, 0)


def test_facts_and_cost(towers: tuple[Path, Path], tmp_path: Path) -> None:
    retriever = ready(*towers, tmp_path, max_length=8)
    assert retriever.describe()["passages cut off"] == "4 of 6"
    # 4 words and 2 markers, 2 layers of width 32 and inner width 64; 6 dot products.
    layer = 8 * 6 * 32**2 + 4 * 6**2 * 32 + 4 * 6 * 32 * 64
    cost = retriever.cost(QUESTIONS[0], [])
    assert cost.gflop == pytest.approx((2 * layer + 2 * 6 * 32) / 1e9)
