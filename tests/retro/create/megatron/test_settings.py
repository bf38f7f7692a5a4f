"""Megatron's arguments as a configuration, and those that are refused."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import pytest

from odqa.errors import CheckpointError
from odqa.retro.create.megatron.settings import read_config
from odqa.retro.model.config import RetroConfig
from odqa.testing.megatron_checkpoint import SIZES, tiny_weights


def read(names: list[str] | None = None, **change: Any) -> RetroConfig:
    args = Namespace(**{**SIZES, **change})
    weights = list(tiny_weights(Namespace(**SIZES))) if names is None else names
    return read_config(args, weights, "here")


@pytest.mark.parametrize(
    ("change", "ffw"),
    [
        ({"swiglu": True}, "swiglu"),
        ({"swiglu": False, "squared_relu": True}, "squared_relu"),
        ({"swiglu": False, "openai_gelu": True}, "gelu_tanh"),
        ({"swiglu": False, "bias_gelu_fusion": True, "add_bias_linear": True}, "gelu_tanh"),
        ({"swiglu": False, "bias_gelu_fusion": True}, "gelu"),
        ({"swiglu": False, "onnx_safe": True}, "gelu"),
    ],
)
def test_activations(change: dict[str, Any], ffw: str) -> None:
    config = read(**change)
    assert (config.decoder.ffw, config.encoder.ffw) == (ffw, ffw)


@pytest.mark.parametrize(
    ("change", "positions"),
    [
        ({}, ("rope", "none")),
        ({"use_rotary_position_embeddings": False}, ("none", "none")),
        ({"position_embedding_type": "rope"}, ("rope", "none")),
        (
            {"use_rotary_position_embeddings": False, "add_position_embedding": None},
            ("absolute", "absolute"),
        ),
    ],
)
def test_positions(change: dict[str, Any], positions: tuple[str, str]) -> None:
    config = read(**change)
    assert (config.decoder.position, config.encoder.position) == positions
    assert (config.decoder.cross_position, config.encoder.cross_position) == ("none", "none")


@pytest.mark.parametrize(
    ("change", "norm"),
    [
        ({"apply_layernorm_1p": True}, "layer1p"),
        ({"apply_layernorm_1p": False}, "layer"),
        ({"apply_layernorm_1p": False, "normalization": "RMSNorm"}, "rms"),
    ],
)
def test_norms(change: dict[str, Any], norm: str) -> None:
    assert read(**change).decoder.norm == norm


def test_sizes_of_the_released_8b_follow_from_its_arguments() -> None:
    crossing = range(8, 32, 3)
    names = [f"encoder.layers.{i}.inter_attention.query.weight" for i in crossing]
    names += [f"encoder.layers.8.retriever.layers.{i}.input_norm.weight" for i in range(2)]
    names += ["encoder.layers.8.retriever.layers.0.inter_attention.query.weight"]
    config = read_config(
        Namespace(
            num_layers=32,
            hidden_size=4096,
            ffn_hidden_size=16384,
            num_attention_heads=32,
            padded_vocab_size=256_000,
            squared_relu=True,
            apply_layernorm_1p=True,
            use_rotary_position_embeddings=True,
            rotary_percent=0.5,
            untie_embeddings_and_output_weights=True,
        ),
        names,
        "here",
    )
    assert config.decoder.cross_layers == (9, 12, 15, 18, 21, 24, 27, 30)
    assert (config.decoder.head_dim, config.decoder.rotary_dim) == (128, 64)
    assert (config.encoder.layers, config.encoder.cross_layers) == (2, (1,))
    assert (config.chunk_length, config.neighbour_length) == (64, 128)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_experts": 8}, "mixtures of experts"),
        ({"group_query_attention": True}, "grouped"),
        ({"apply_residual_connection_post_layernorm": True}, "residuals"),
        ({"rotary_interleaved": True}, "interleaved"),
        ({"rotary_seq_len_interpolation_factor": 4}, "interpolated"),
        ({"add_qkv_bias": True}, "biases of self-attention only"),
        ({"normalization": "RMSNorm"}, "norms of kind 'RMSNorm'"),
        ({"retro_attention_gate": 2.0}, "gate 2.0"),
        ({"hidden_size": None}, "lack 'hidden_size'"),
        (
            {
                "position_embedding_type": "alibi",
                "use_rotary_position_embeddings": False,
                "add_position_embedding": None,
            },
            "positions of kind 'alibi'",
        ),
    ],
)
def test_what_cannot_be_said_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        read(**change)


def test_a_model_without_retriever_is_refused() -> None:
    with pytest.raises(CheckpointError, match="no retriever"):
        read(["encoder.layers.0.input_norm.weight"])
