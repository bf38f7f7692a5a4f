from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from odqa.errors import CheckpointError
from odqa.testing.tiny_word_models import tiny_snrm
from odqa.word_models.snrm import Snrm, SnrmModel, SnrmSettings

CPU = torch.device("cpu")
TEXTS = ["who wrote the poem", "king", "", "a river flows through the old city in the north"]


def load(folder: Path, batch_size: int = 2) -> SnrmModel:
    return SnrmModel.load(folder, "tiny", CPU, batch_size)


def dense(model: SnrmModel, texts: list[str]) -> np.ndarray:
    """Latent terms with their zeros."""
    shard = model.encode(texts, [str(n) for n in range(len(texts))], "passage")
    out = np.zeros((len(texts), model.settings.terms), np.float32)
    rows = np.repeat(np.arange(len(texts)), shard.counts)
    out[rows, shard.vectors[:, 0].astype(int)] = shard.vectors[:, 1]
    return out


def test_by_hand() -> None:
    """Words of one number, windows of three, a narrow layer of one unit, two latent terms."""
    snrm = Snrm(SnrmSettings(window=3, hidden=(1,), terms=2), dim=1)
    with torch.no_grad():
        first, last = snrm.layers
        first.weight.copy_(torch.tensor([[1.0, 2.0, 4.0]]))
        first.bias.fill_(-1.0)
        last.weight.copy_(torch.tensor([[0.5], [-1.0]]))
        last.bias.copy_(torch.tensor([0.25, 3.0]))
        # Directions alone count: 1, -1, 1; the last word is padding.
        terms = snrm(torch.tensor([[[5.0], [-2.0], [1.0], [9.0]]]), torch.tensor([[1.0, 1, 1, 0]]))
    # Windows (0, 1, -1), (1, -1, 1) and (-1, 1, 0): 2 - 4, 1 - 2 + 4 and -1 + 2, less 1, not below
    # 0: 0, 2, 0. Latent terms: 0.25, 1.25, 0.25 and 3, 1, 3.
    assert terms[0].tolist() == pytest.approx([(0.25 + 1.25 + 0.25) / 3, (3 + 1 + 3) / 3])


def test_equals_convolutions(tmp_path: Path) -> None:
    """The paper's form: a convolution over the window, then ones of width 1, ReLU, mean."""
    model = load(tiny_snrm(tmp_path))
    tensors = load_file(tmp_path / "model.safetensors")
    found = dense(model, TEXTS)
    for text, terms in zip(TEXTS, found, strict=True):
        (ids,) = model._words.ids([text])
        if not ids:
            assert not terms.any()
            continue
        words = torch.nn.functional.normalize(tensors["word_vectors"][ids], dim=1).T[None]
        weight = tensors["layers.0.weight"].view(6, 3, 8).transpose(1, 2)
        state = torch.conv1d(words, weight, tensors["layers.0.bias"], padding=1).relu()
        last = tensors["layers.1.weight"][..., None]
        state = torch.conv1d(state, last, tensors["layers.1.bias"]).relu()
        assert terms == pytest.approx(state[0].mean(1).numpy(), abs=1e-5)


def test_a_text_has_the_same_terms_alone_and_among_others(tmp_path: Path) -> None:
    model = load(tiny_snrm(tmp_path), batch_size=3)
    alone = np.concatenate([dense(model, [text]) for text in TEXTS])
    assert dense(model, TEXTS) == pytest.approx(alone, abs=1e-6)
    shard = model.encode(TEXTS, list("abcd"), "passage")
    assert shard.counts.tolist() == (alone > 0).sum(axis=1).tolist()
    assert (shard.vectors[:, 1] > 0).all()
    assert model.encode([], [], "question").vectors.shape == (0, 2)


def test_cost_by_hand(tmp_path: Path) -> None:
    model = load(tiny_snrm(tmp_path))
    # Two words through 3 · 8 × 6 and 6 × 20.
    assert model.gflop("who wrote?") * 1e9 == pytest.approx(2 * 2 * (24 * 6 + 6 * 20))
    layers = 24 * 6 + 6 + 6 * 20 + 20
    assert model.parameters == model._words.size * 8 + layers


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lambda": 3}, "unknown setting 'lambda'"),
        ({"window": 4}, "window is 4, expected an odd number of words"),
        ({"window": 5}, "reads 24 numbers, 5 words of width 8 are 40"),
        ({"hidden": [0]}, r"hidden is \[0\], expected a list of widths"),
        ({"terms": 21}, "'layers.1.bias' is 20, expected 21|'layers.1.weight' is 20 × 6"),
        ({"terms": None}, "terms is None, expected a whole number"),
        ({"model_type": "odqa-dssm"}, "its model_type is 'odqa-dssm', not 'odqa-snrm'"),
    ],
)
def test_settings_are_obeyed_or_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = tiny_snrm(tmp_path) / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change), encoding="utf-8")
    with pytest.raises(CheckpointError, match=message):
        load(tmp_path)


def test_what_is_no_number_is_named(tmp_path: Path) -> None:
    model = load(tiny_snrm(tmp_path))
    model._layers.layers[1].bias.data.fill_(float("inf"))
    with pytest.raises(CheckpointError, match="gives question 'q' a vector that is no finite"):
        model.encode(["king"], ["q"], "question")
