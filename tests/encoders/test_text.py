from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from odqa.encoders.text import TextEncoder
from odqa.errors import CheckpointError
from odqa.testing.tiny_checkpoints import tiny_bert

TEXTS = [
    "who built the bridge",
    "king",
    "the river flows through the old city by the tower of the king and the new bridge",
    "",
    "first engine built in the north",
    "what is the poem of the last century",
    "river river river",
]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("bert"))


def by_hand(folder: Path, text: str, pooling: str) -> np.ndarray:
    """One text alone, no padding, plain transformers."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    with torch.no_grad():
        output = model.eval()(**tokenizer(text, return_tensors="pt"))
    states = output.last_hidden_state[0]
    picked = {"mean": states.mean(0), "cls": states[0], "pooler": output.pooler_output[0]}
    return np.asarray(picked[pooling].numpy())


@pytest.mark.parametrize("pooling", ["mean", "cls", "pooler"])
def test_equals_plain_transformers_text_by_text(bert: Path, pooling: str) -> None:
    encoder = TextEncoder(str(bert), pooling=pooling, normalize=False)  # type: ignore[arg-type]
    vectors = encoder.encode(TEXTS)
    expected = np.stack([by_hand(bert, text, pooling) for text in TEXTS])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_batch_size_and_order_do_not_matter(bert: Path) -> None:
    large = TextEncoder(str(bert)).encode(TEXTS)
    small = TextEncoder(str(bert), batch_size=1).encode(TEXTS)
    backwards = TextEncoder(str(bert)).encode(TEXTS[::-1])[::-1]
    np.testing.assert_allclose(small, large, atol=1e-5)
    np.testing.assert_allclose(backwards, large, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(large, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(("wish", "budget"), [(None, 2048), (64, 8192)])
def test_texts_per_forward_pass(
    bert: Path, wish: int | None, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = TextEncoder(str(bert), batch_size=wish)
    encoder.load()
    sizes: list[int] = []
    forward = encoder._forward

    def counted(ids: Sequence[Sequence[int]], prompt: int) -> torch.Tensor:
        sizes.append(len(ids) * max(map(len, ids)))
        return forward(ids, prompt)

    monkeypatch.setattr(encoder, "_forward", counted)
    encoder.encode(TEXTS * 1000)
    longest = max(len(row) for row in encoder.tokens(TEXTS).ids)
    assert budget - longest < sizes[0] <= budget
    assert len(sizes) > 1


def test_nothing_in_nothing_out(bert: Path) -> None:
    assert TextEncoder(str(bert)).encode([]).shape == (0, 32)


def test_truncation_is_counted_and_part_of_the_identity(bert: Path) -> None:
    short, long = TextEncoder(str(bert), max_length=8), TextEncoder(str(bert))
    short.encode(TEXTS)
    long.encode(TEXTS)
    assert (short.truncated, long.truncated) == (2, 0)
    assert short.identity() != long.identity()
    assert short.fingerprint == long.fingerprint


def test_other_weights_have_another_fingerprint(bert: Path, tmp_path: Path) -> None:
    same, other = tiny_bert(tmp_path / "same"), tiny_bert(tmp_path / "other", seed=1)
    prints = []
    for folder in (bert, same, other):
        encoder = TextEncoder(str(folder))
        encoder.load()
        prints.append(encoder.fingerprint)
    assert prints[0] == prints[1] != prints[2]


def test_sentence_transformers_settings_are_honoured(bert: Path, tmp_path: Path) -> None:
    folder = sentence_folder(tmp_path / "st", "pooling_mode_cls_token", max_length=7)
    encoder = TextEncoder(str(folder), pooling="auto", normalize=None, max_length=None)
    vectors = encoder.encode(TEXTS[:2])
    assert (encoder.settings.pooling, encoder.settings.normalize) == ("cls", False)
    assert encoder.tokens.max_length == 7
    assert encoder.settings.query_prompt == "query: "
    np.testing.assert_allclose(vectors[1], by_hand(bert, TEXTS[1], "cls"), atol=1e-5)


def test_a_parameter_overrides_the_folder(tmp_path: Path) -> None:
    folder = sentence_folder(tmp_path / "st", "pooling_mode_cls_token", max_length=7)
    encoder = TextEncoder(str(folder), pooling="mean", normalize=True, max_length=20)
    encoder.load()
    settings = encoder.settings
    assert (settings.pooling, settings.normalize, encoder.tokens.max_length) == ("mean", True, 20)


def test_unsupported_modules_are_named(tmp_path: Path) -> None:
    folder = sentence_folder(tmp_path / "max", "pooling_mode_mean_tokens", max_length=7)
    modules = [{"path": "", "type": "sentence_transformers.models.CNN"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(CheckpointError, match="module 'CNN' is not supported"):
        TextEncoder(str(folder), pooling="auto").load()


def test_max_length_beyond_the_positions_is_one_line(bert: Path) -> None:
    with pytest.raises(CheckpointError, match=r"max_length is 513.*at most 512 tokens"):
        TextEncoder(str(bert), max_length=513).load()


def test_minilm_equals_sentence_transformers() -> None:
    from sentence_transformers import SentenceTransformer

    from odqa.checkpoints.base_model import base_model_dir

    texts = [*TEXTS, "Marie Curie won the Nobel Prize twice.", "word " * 400]
    encoder = TextEncoder("embedded:minilm", pooling="auto", normalize=None, max_length=None)
    vectors = encoder.encode(texts)
    expected = SentenceTransformer(str(base_model_dir()), device="cpu").encode(texts)
    np.testing.assert_allclose((vectors * expected).sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    assert encoder.truncated == 1


@pytest.mark.parametrize("mode", ["mean", "cls"])
def test_what_sentence_transformers_saves_is_read_as_it_means_it(tmp_path: Path, mode: str) -> None:
    from sentence_transformers import SentenceTransformer, models

    bert, folder = tiny_bert(tmp_path / "bert"), tmp_path / "saved"
    parts = [models.Transformer(str(bert), max_seq_length=12), models.Pooling(32, mode)]
    SentenceTransformer(modules=parts, device="cpu").save(str(folder))
    encoder = TextEncoder(str(folder), pooling="auto", normalize=None, max_length=None)
    found = encoder.encode([*TEXTS, "word " * 40])
    expected = SentenceTransformer(str(folder), device="cpu").encode([*TEXTS, "word " * 40])
    assert encoder.tokens.max_length == 12
    np.testing.assert_allclose(found, expected, atol=1e-5)


def sentence_folder(folder: Path, mode: str, max_length: int) -> Path:
    """A sentence-transformers checkpoint around a tiny BERT, without a Normalize module."""
    tiny_bert(folder)
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling")]
    modules = [{"path": path, "type": f"sentence_transformers.models.{k}"} for path, k in kinds]
    (folder / "1_Pooling").mkdir()
    files = {
        "modules.json": modules,
        "1_Pooling/config.json": {"word_embedding_dimension": 32, mode: True},
        "sentence_bert_config.json": {"max_seq_length": max_length},
        "config_sentence_transformers.json": {"prompts": {"query": "query: "}},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder
