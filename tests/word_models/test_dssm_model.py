from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from odqa.errors import CheckpointError
from odqa.testing.tiny_word_models import tiny_dssm
from odqa.word_models.dssm import Dssm, DssmModel, DssmSettings, bags
from odqa.word_models.trigrams import Trigrams

CPU = torch.device("cpu")
TEXTS = ["the old tower", "a river", "the king of the north"]


def load(folder: Path) -> DssmModel:
    return DssmModel.load(folder, "tiny", CPU, batch_size=2)


@pytest.mark.parametrize("counts", ["raw", "unit"])
def test_by_hand(counts: str) -> None:
    """Two known trigrams: at# twice (of "at" and of "cat"), cat once."""
    dssm = Dssm(DssmSettings((2, 2), counts=counts), 2)
    with torch.no_grad():
        dssm.hashing.copy_(torch.tensor([[0.3, -0.2], [0.5, 0.1]]))
        dssm.hashing_bias.copy_(torch.tensor([0.1, 0.0]))
        layer = dssm.layers[0]
        layer.weight.copy_(torch.tensor([[1.0, -1.0], [0.5, 2.0]]))
        layer.bias.copy_(torch.tensor([0.0, -0.3]))
        (vector,) = dssm(*bags(Trigrams(["at#", "cat"]), ["cat at"]))
    length = math.sqrt(5) if counts == "unit" else 1.0
    first = math.tanh((2 * 0.3 + 0.5) / length + 0.1), math.tanh((2 * -0.2 + 0.1) / length)
    second = math.tanh(first[0] - first[1]), math.tanh(0.5 * first[0] + 2 * first[1] - 0.3)
    assert vector.tolist() == pytest.approx([s / math.hypot(*second) for s in second], abs=1e-6)


def test_equals_the_layers_over_a_dense_vector_of_counts(tmp_path: Path) -> None:
    """The paper writes word hashing as a matrix of letter trigrams times the term vector."""
    model = load(tiny_dssm(tmp_path, TEXTS, counts="raw"))
    tensors = load_file(tmp_path / "model.safetensors")
    known = Trigrams.read(tmp_path)
    for text, vector in zip(TEXTS, model.encode(TEXTS), strict=True):
        counts = torch.zeros(len(known))
        rows, n = known.rows(text)
        counts[rows] = torch.tensor(n, dtype=torch.float32)
        state = (counts @ tensors["hashing"] + tensors["hashing_bias"]).tanh()
        for i in range(2):
            state = (tensors[f"layers.{i}.weight"] @ state + tensors[f"layers.{i}.bias"]).tanh()
        assert vector == pytest.approx((state / state.norm()).numpy(), abs=1e-6)


def test_question_vectors_are_gamma_long_and_passages_1(tmp_path: Path) -> None:
    model = load(tiny_dssm(tmp_path, TEXTS, gamma=7.0))
    questions = model.encode_questions(TEXTS, list("abc"))
    passages = model.encode_passages(TEXTS, list("abc"))
    assert np.linalg.norm(questions, axis=1) == pytest.approx(7.0, abs=1e-5)
    assert np.linalg.norm(passages.vectors, axis=1) == pytest.approx(1.0, abs=1e-6)
    assert passages.counts.tolist() == [1, 1, 1]
    assert (questions * passages.vectors).sum(axis=1) == pytest.approx(7.0, abs=1e-5)


def test_texts_without_known_trigrams_have_the_vector_of_the_biases(tmp_path: Path) -> None:
    model = load(tiny_dssm(tmp_path, TEXTS))
    first, second, other = model.encode(["", "?!", "the"])
    # Two rows of a batch may be rounded differently.
    assert first == pytest.approx(second, abs=1e-6)
    assert other != pytest.approx(first, abs=1e-6)
    assert np.isfinite(first).all()
    assert model.encode([]).shape == (0, 6)


def test_cost_by_hand(tmp_path: Path) -> None:
    model = load(tiny_dssm(tmp_path, TEXTS))
    # "the tower" has #th the he# #to tow owe wer er#; layers are 12, 10 and 6 wide.
    assert model.gflop("the tower the") * 1e9 == pytest.approx(2 * (8 * 12 + 12 * 10 + 10 * 6))
    trigrams = len(Trigrams.read(tmp_path))
    assert model.parameters == trigrams * 12 + 12 + 12 * 10 + 10 + 10 * 6 + 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dim": 3}, "unknown setting 'dim'"),
        ({"layers": []}, "layers is .*, expected a list of widths"),
        ({"layers": [12, 10, 5]}, "'layers.1.weight' is 6 × 10, expected 5 × 10"),
        ({"gamma": 0}, "gamma is 0, expected a number above 0"),
        ({"counts": "idf"}, "counts is 'idf', expected unit or raw"),
        ({"model_type": "bert"}, "its model_type is 'bert', not 'odqa-dssm'"),
    ],
)
def test_settings_are_obeyed_or_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = tiny_dssm(tmp_path, TEXTS) / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change), encoding="utf-8")
    with pytest.raises(CheckpointError, match=message):
        load(tmp_path)


def test_trigrams_and_matrix_belong_together(tmp_path: Path) -> None:
    path = tiny_dssm(tmp_path, TEXTS) / "trigrams.txt"
    path.write_text(path.read_text("utf-8") + "xyz\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"tensor 'hashing' is .* × 12, expected"):
        load(tmp_path)


def test_what_is_no_number_is_named(tmp_path: Path) -> None:
    model = load(tiny_dssm(tmp_path, TEXTS))
    model._layers.hashing_bias.data.fill_(float("nan"))
    with pytest.raises(CheckpointError, match="gives passage 'b' a vector that is no finite"):
        model.encode_passages(["a river"], ["b"])
    with pytest.raises(CheckpointError, match="gives question 'q' a vector that is no finite"):
        model.encode_questions(["a river"], ["q"])
