from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from odqa.errors import CheckpointError
from odqa.testing.tiny_word_models import tiny_knrm
from odqa.word_models.knrm import KERNELS, Knrm, KnrmModel, KnrmSettings
from odqa.word_models.vectors import cosines

CPU = torch.device("cpu")


def test_the_papers_kernels() -> None:
    assert KERNELS[0] == (1.0, 0.001)
    assert [mean for mean, _ in KERNELS[1:]] == [
        0.9,
        0.7,
        0.5,
        0.3,
        0.1,
        -0.1,
        -0.3,
        -0.5,
        -0.7,
        -0.9,
    ]
    assert {width for _, width in KERNELS[1:]} == {0.1}


def _matchzoo() -> tuple[Knrm, torch.Tensor]:
    """The settings that make MatchZoo's variant, with its kernels from the lowest mean up."""
    knrm = Knrm(KnrmSettings(KERNELS[::-1], log="log1p", scale=1.0))
    with torch.no_grad():
        knrm.linear.weight.copy_(torch.linspace(-0.06, 0.05, 11)[None])
        knrm.linear.bias.fill_(0.1)
    return knrm, (torch.arange(40).view(8, 5) * 0.37).sin()


# What matchzoo-py 1.1.1 gives (its KNRM with out_activation_func tanh, `embedding` and weights as
# above):
#   model.params["task"], model.params["embedding"] = mz.tasks.Ranking(), table.numpy()
#   model.params["out_activation_func"] = "tanh"; model.build()
#   model.out[0].weight.copy_(torch.linspace(-0.06, 0.05, 11)[None]); model.out[0].bias.fill_(0.1)
#   model({"text_left": torch.tensor([[1, 2, 3]] * 2),
#          "text_right": torch.tensor([[3, 4, 5, 1], [6, 7, 2, 2]])})
MATCHZOO = [0.010483335703611374, 0.0827823206782341]


def test_gives_what_matchzoo_gives() -> None:
    knrm, table = _matchzoo()
    question, passages = table[[1, 2, 3]], table[torch.tensor([[3, 4, 5, 1], [6, 7, 2, 2]])]
    with torch.no_grad():
        scores = knrm(cosines(question, passages), torch.ones(1, 3), torch.ones(2, 4))
    assert scores.tolist() == pytest.approx(MATCHZOO, abs=1e-6)


def test_padding_decides_nothing() -> None:
    knrm, table = _matchzoo()
    ids = torch.tensor([[3, 4, 5, 1, 0, 0], [6, 7, 2, 2, 0, 0]])
    question, passages = table[[1, 2, 3, 0]], table[ids]
    passage_mask = torch.tensor([[1.0, 1, 1, 1, 0, 0]] * 2)
    with torch.no_grad():
        matrix = cosines(question, passages)
        scores = knrm(matrix, torch.tensor([[1.0, 1, 1, 0]]), passage_mask)
    assert scores.tolist() == pytest.approx(MATCHZOO, abs=1e-6)


def test_by_hand_with_the_authors_logarithm() -> None:
    """One question word, two passage words of cosines 1 and 0.5; an exact and a soft kernel."""
    knrm = Knrm(KnrmSettings(((1.0, 0.001), (0.4, 0.1))))
    with torch.no_grad():
        knrm.linear.weight.copy_(torch.tensor([[2.0, -3.0]]))
        knrm.linear.bias.fill_(0.5)
        score = knrm(torch.tensor([[1.0, 0.5]]), torch.ones(1), torch.ones(2))
    exact = 0.01 * math.log(1.0)
    soft = 0.01 * math.log(math.exp(-0.5 * 6**2) + math.exp(-0.5 * 1**2))
    assert float(score) == pytest.approx(math.tanh(2 * exact - 3 * soft + 0.5), abs=1e-7)


def test_a_kernel_that_nothing_matches_has_the_floor() -> None:
    knrm = Knrm(KnrmSettings(((1.0, 0.001),)))
    features = knrm.features(torch.tensor([[0.0], [0.0]]), torch.ones(2), torch.ones(1))
    assert features.tolist() == pytest.approx([0.01 * 2 * math.log(1e-10)])


def test_loaded_it_scores_as_the_layers_do(tmp_path: Path) -> None:
    model = KnrmModel.load(tiny_knrm(tmp_path), "tiny", CPU)
    (question,) = model.words.ids(["who wrote the poem?"])
    passages = model.words.ids(["a poem of the king", "engine", ""])
    alone = [model.scores(question, [ids])[0] for ids in passages]
    assert model.scores(question, passages) == pytest.approx(alone, rel=1e-6)
    assert len(set(alone)) == 3
    assert model.scores([], passages) == [pytest.approx(math.tanh(0.05))] * 3


def test_cost_by_hand(tmp_path: Path) -> None:
    model = KnrmModel.load(tiny_knrm(tmp_path), "tiny", CPU)
    # Cosines of 3 × 7 pairs in 8 dimensions; eleven kernels of five operations a pair, and for
    # each a logarithm and a sum a question word, and a product and a sum at the end.
    assert model.gflop(3, 7) * 1e9 == pytest.approx(2 * 3 * 7 * 8 + 11 * (5 * 21 + 2 * 3 + 2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alpha": 1}, "unknown setting 'alpha'"),
        ({"floor": None}, "floor is None, expected a number above 0"),
        ({"kernels": [[1.0]]}, "kernels is .*, expected a list of"),
        ({"kernels": [[1.0, 0.0]]}, "widths above 0"),
        ({"kernels": []}, "expected a list of"),
        ({"log": "ln"}, "log is 'ln', expected floor or log1p"),
        ({"activation": "relu"}, "activation is 'relu', expected tanh or none"),
        ({"model_type": "odqa-drmm"}, "its model_type is 'odqa-drmm', not 'odqa-knrm'"),
        ({"stop_words": ["xylophone"]}, "stop word 'xylophone' is no token"),
        ({"stop_words": "the"}, "expected a list of texts"),
    ],
)
def test_settings_are_obeyed_or_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = tiny_knrm(tmp_path) / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change), encoding="utf-8")
    with pytest.raises(CheckpointError, match=message):
        KnrmModel.load(tmp_path, "tiny", CPU)


def test_a_missing_setting_is_named(tmp_path: Path) -> None:
    path = tiny_knrm(tmp_path) / "config.json"
    settings = json.loads(path.read_text("utf-8"))
    del settings["scale"]
    path.write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(CheckpointError, match="has no setting 'scale'"):
        KnrmModel.load(tmp_path, "tiny", CPU)


@pytest.mark.parametrize(
    ("key", "tensor", "message"),
    [
        ("linear.bias", None, "has no tensor 'linear.bias'"),
        ("extra", torch.zeros(1), "has an unknown tensor 'extra'"),
        ("linear.weight", torch.zeros(1, 5), "'linear.weight' is 1 × 5, expected 1 × 11"),
        (
            "linear.bias",
            torch.tensor([float("nan")]),
            "'linear.bias' has values that are no finite",
        ),
        ("word_vectors", torch.zeros(5, 8), "has vectors of 5 words, its tokenizer"),
    ],
)
def test_weights_are_complete_and_fit(
    tmp_path: Path, key: str, tensor: torch.Tensor | None, message: str
) -> None:
    path = tiny_knrm(tmp_path) / "model.safetensors"
    tensors = load_file(path) | ({} if tensor is None else {key: tensor})
    save_file({k: v for k, v in tensors.items() if tensor is not None or k != key}, path)
    with pytest.raises(CheckpointError, match=message):
        KnrmModel.load(tmp_path, "tiny", CPU)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    (tiny_knrm(tmp_path) / "model.safetensors").write_bytes(b"x")
    with pytest.raises(CheckpointError, match="weights not readable"):
        KnrmModel.load(tmp_path, "tiny", CPU)
