"""Dense and LayerNorm modules after the encoder, against sentence-transformers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from odqa.checkpoints.layers import ACTIVATIONS
from odqa.encoders.text import TextEncoder
from odqa.errors import CheckpointError
from odqa.testing.tiny_checkpoints import tiny_bert

TEXTS = ["who built the old bridge", "the king"]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("models") / "bert")


def saved(bert: Path, folder: Path, *modules: str, activation: str = "Tanh") -> Path:
    """A folder that sentence-transformers itself writes, of width 32, then 8."""
    from sentence_transformers import SentenceTransformer, models

    parts = [models.Transformer(str(bert), max_seq_length=24), models.Pooling(32, "mean")]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        made = {
            "Dense": models.Dense(32, 8, activation_function=getattr(torch.nn, activation)()),
            "Wide": models.Dense(32, 48, bias=False),
            "LayerNorm": models.LayerNorm(32),
            "Normalize": models.Normalize(),
            "Dropout": models.Dropout(0.5),
        }
    made["LayerNorm"].norm.weight.data.mul_(3)
    SentenceTransformer(modules=[*parts, *(made[m] for m in modules)], device="cpu").save(
        str(folder)
    )
    return folder


def vectors(folder: Path) -> np.ndarray:
    encoder = TextEncoder(str(folder), pooling="auto", normalize=None, max_length=None)
    encoded = encoder.encode(TEXTS)
    assert encoded.shape == (2, encoder.dim)
    return encoded


@pytest.mark.parametrize(
    "modules",
    [
        ("Dense",),
        ("Dense", "Normalize"),
        ("LayerNorm", "Dense"),
        ("Normalize", "Dense"),
        ("Wide",),
        ("Dropout", "LayerNorm", "Dropout"),
    ],
    ids=" ".join,
)
def test_modules_equal_sentence_transformers(
    bert: Path, tmp_path: Path, modules: tuple[str, ...]
) -> None:
    from sentence_transformers import SentenceTransformer

    folder = saved(bert, tmp_path / "saved", *modules)
    expected = SentenceTransformer(str(folder), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(vectors(folder), expected, atol=1e-5)


def test_activations_are_torchs_own_and_need_no_arguments() -> None:
    for name in ACTIVATIONS:
        activation = getattr(torch.nn, name)()
        assert activation(torch.tensor([-1.0, 0.5])).shape == (2,)


def test_an_activation_is_taken_by_name(bert: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    folder = saved(bert, tmp_path / "saved", "Dense", activation="GELU")
    expected = SentenceTransformer(str(folder), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(vectors(folder), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("activation_function", "os.system", "activation_function is 'os.system'"),
        ("activation_function", "evil.nn.Tanh", "activation_function is 'evil.nn.Tanh'"),
        ("activation_function", "torch.nn.Softmax", "expected one of torch.nn"),
        ("module_input_name", "token_embeddings", "module_input_name is 'token_embeddings'"),
        ("out_features", "8", "out_features is '8'"),
        ("in_features", 16, "takes vectors of width 16, gets 32 wide ones"),
        ("out_features", 9, r"linear.weight is of shape \[8, 32\]"),
        ("bias", False, "has a linear.bias"),
        ("use_residual", True, "unknown setting 'use_residual'"),
    ],
)
def test_other_settings_are_refused(
    bert: Path, tmp_path: Path, key: str, value: object, named: str
) -> None:
    folder = saved(bert, tmp_path / "saved", "Dense")
    path = folder / "2_Dense/config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), key: value}))
    with pytest.raises(CheckpointError, match=named):
        vectors(folder)


def test_weights_that_are_not_there_are_named(bert: Path, tmp_path: Path) -> None:
    folder = saved(bert, tmp_path / "saved", "Dense")
    path = folder / "2_Dense/model.safetensors"
    weights = load_file(path)
    del weights["linear.bias"]
    save_file(weights, path)
    with pytest.raises(CheckpointError, match=r"linear\.bias is missing"):
        vectors(folder)
