from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from odqa.errors import CheckpointError
from odqa.testing.tiny_word_models import tiny_drmm
from odqa.word_models.drmm import Drmm, DrmmModel, DrmmSettings, log_count_histograms
from odqa.word_models.vectors import cosines

CPU = torch.device("cpu")


def test_the_papers_example() -> None:
    """Section 3.2: five bins, and a question word with these similarities in the passage."""
    matrix = torch.tensor([[1.0, 0.2, 0.7, 0.3, -0.1, 0.1]])
    is_exact = torch.tensor([[True, False, False, False, False, False]])
    histogram = log_count_histograms(matrix, is_exact, torch.ones(6), bins=5)
    counts = [0, 1, 3, 1, 1]
    assert histogram[0].tolist() == pytest.approx([math.log1p(n) for n in counts])


def test_another_word_of_cosine_1_and_padding_are_no_exact_match() -> None:
    matrix = torch.tensor([[1.0, 1.0, 1.0]])
    is_exact = torch.tensor([[True, False, True]])
    histogram = log_count_histograms(matrix, is_exact, torch.tensor([1.0, 1.0, 0.0]), bins=3)
    assert histogram[0].tolist() == pytest.approx([0.0, math.log(2), math.log(2)])


def test_by_hand() -> None:
    """Two question words, bins of [-1, 0), [0, 1) and exact, one hidden unit."""
    drmm = Drmm(DrmmSettings(bins=3, hidden=1))
    with torch.no_grad():
        drmm.layers[0].weight.copy_(torch.tensor([[-1.0, 0.5, 2.0]]))
        drmm.layers[0].bias.fill_(0.1)
        drmm.layers[2].weight.fill_(0.8)
        drmm.layers[2].bias.fill_(-0.2)
        drmm.gate.fill_(0.5)
        histograms = torch.tensor([[[0.0, math.log(3), math.log(2)], [math.log(2), 0.0, 0.0]]])
        score = drmm(histograms, torch.tensor([[2.0, 4.0]]), torch.ones(1, 2))

    def word(weighted: float) -> float:
        return math.tanh(0.8 * math.tanh(weighted + 0.1) - 0.2)

    first, second = word(0.5 * math.log(3) + 2 * math.log(2)), word(-math.log(2))
    gate = math.exp(1.0) / (math.exp(1.0) + math.exp(2.0))
    assert float(score) == pytest.approx(gate * first + (1 - gate) * second, abs=1e-6)


# What matchzoo-py 1.1.1 gives for `_matchzoo` below: its MatchingHistogram(10, vectors, True,
# "LCH") on [[1, 2, 3], PASSAGE], and its DRMM with hist_bin_size 10, mlp_num_layers 1,
# mlp_num_units 5, mlp_num_fan_out 1, mlp_activation_func tanh. Its gate reads the question words'
# embedding, so the embedding is [size, 1] of idf and attention.linear.weight is w; its output
# layer, 1 -> 1, has weight 1 and bias 0.
MATCHZOO = [0.1745605766773224, 0.06794971227645874]


def _matchzoo() -> tuple[Drmm, torch.Tensor, torch.Tensor]:
    drmm = Drmm(DrmmSettings(bins=10, hidden=5))
    with torch.no_grad():
        for number, parameter in enumerate(drmm.layers.parameters(), start=1):
            values = (torch.arange(parameter.numel()) * 0.7 + number).sin() * 0.5
            parameter.copy_(values.view(parameter.shape))
        drmm.gate.fill_(0.6)
    vectors = (torch.arange(40).view(8, 5) * 0.37).sin()
    idf = torch.tensor([0.0, 1.5, 0.5, 2.5, 1.0, 1.0, 1.0, 1.0])
    return drmm, vectors, idf


def test_gives_what_matchzoo_gives() -> None:
    drmm, vectors, idf = _matchzoo()
    question = torch.tensor([[1, 2, 3]])
    passages = torch.tensor([[3, 4, 5, 1, 2, 2], [6, 7, 2, 4, 5, 5]])
    is_exact = question[..., :, None] == passages[..., None, :]
    matrix = cosines(vectors[question], vectors[passages])
    histograms = log_count_histograms(matrix, is_exact, torch.ones(2, 6), 10)
    with torch.no_grad():
        scores = drmm(histograms, idf[question], torch.ones(1, 3))
    assert scores.tolist() == pytest.approx(MATCHZOO, abs=1e-6)


def test_loaded_it_scores_passages_alike_alone_and_together(tmp_path: Path) -> None:
    model = DrmmModel.load(tiny_drmm(tmp_path), "tiny", CPU)
    (question,) = model.words.ids(["who wrote the poem?"])
    passages = model.words.ids(["a poem of the king", "engine", ""])
    alone = [model.scores(question, [ids])[0] for ids in passages]
    assert model.scores(question, passages) == pytest.approx(alone, rel=1e-6)
    assert len(set(alone)) == 3
    assert model.scores([], passages) == [0.0] * 3


def test_cost_by_hand(tmp_path: Path) -> None:
    model = DrmmModel.load(tiny_drmm(tmp_path), "tiny", CPU)
    # Cosines of 3 × 7 pairs in 8 dimensions; for three words 30 × 5 and 5 × 1.
    assert model.gflop(3, 7) * 1e9 == pytest.approx(2 * 3 * 7 * 8 + 2 * 3 * (30 * 5 + 5))
    layers = 30 * 5 + 5 + 5 + 1 + 1
    assert model.parameters == model.words.size * (8 + 1) + layers


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kernels": 1}, "unknown setting 'kernels'"),
        ({"bins": 1}, "bins is 1, expected a whole number from 2 up"),
        ({"bins": 20}, "'layers.0.weight' is 5 × 30, expected 5 × 20"),
        ({"hidden": None}, "hidden is None, expected a whole number"),
        ({"model_type": None}, "its model_type is None, not 'odqa-drmm'"),
    ],
)
def test_settings_are_obeyed_or_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = tiny_drmm(tmp_path) / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change), encoding="utf-8")
    with pytest.raises(CheckpointError, match=message):
        DrmmModel.load(tmp_path, "tiny", CPU)
