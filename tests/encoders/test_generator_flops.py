from __future__ import annotations

import pytest
from transformers import BartConfig, BertConfig, GPT2Config, LlamaConfig, ProphetNetConfig, T5Config

from odqa.encoders.generator_flops import causal_gflop, encoder_decoder_gflop


def test_t5_by_hand() -> None:
    """Two texts of 3 and 5 tokens, 2 new ones; d 4, i 6, f 10, v 11, one layer and two layers."""
    config = T5Config(
        vocab_size=11, d_model=4, d_kv=3, num_heads=2, d_ff=10, num_layers=1, num_decoder_layers=2
    )
    encoder = 8 * (8 * 4 * 6 + 2 * 2 * 4 * 10) + 4 * 6 * (3**2 + 5**2)
    keys = 2 * 4 * 8 * 4 * 6
    decoder = 2 * 2 * (12 * 4 * 6 + 2 * 2 * 4 * 10) + 2 * 4 * 6 * ((1 + 2) + 2 * 8)
    read_out = 2 * 2 * 4 * 11
    expected = (encoder + keys + decoder + read_out) / 1e9
    assert encoder_decoder_gflop(config, [3, 5], 2) == pytest.approx(expected)


def test_a_gate_is_a_third_matrix() -> None:
    shape = {"vocab_size": 11, "d_model": 4, "d_kv": 2, "num_heads": 2, "d_ff": 10, "num_layers": 1}
    plain = encoder_decoder_gflop(T5Config(**shape), [3], 0)
    gated = encoder_decoder_gflop(T5Config(**shape, feed_forward_proj="gated-gelu"), [3], 0)
    assert plain is not None
    assert gated == pytest.approx(plain + 3 * 2 * 4 * 10 / 1e9)


def test_bart_by_hand() -> None:
    config = BartConfig(
        vocab_size=7,
        d_model=4,
        encoder_layers=1,
        decoder_layers=1,
        encoder_ffn_dim=8,
        decoder_ffn_dim=6,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
    )
    encoder = 3 * (8 * 4 * 4 + 4 * 4 * 8) + 4 * 4 * 9
    decoder = 4 * 3 * 4 * 4 + (12 * 4 * 4 + 4 * 4 * 6) + 4 * 4 * (1 + 3) + 2 * 4 * 7
    assert encoder_decoder_gflop(config, [3], 1) == pytest.approx((encoder + decoder) / 1e9)


def test_gpt2_and_llama_by_hand() -> None:
    gpt2 = GPT2Config(vocab_size=7, n_embd=4, n_layer=2, n_head=2)
    expected = 2 * (3 * (8 * 4 * 4 + 4 * 4 * 16) + 4 * 4 * 6) + 3 * 2 * 4 * 7
    assert causal_gflop(gpt2, 3) == pytest.approx(expected / 1e9)
    assert causal_gflop(gpt2, 3, 1) == pytest.approx((expected - 2 * 2 * 4 * 7) / 1e9)
    llama = LlamaConfig(
        vocab_size=7,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=12,
    )
    expected = 3 * (4 * 8 * 8 + 4 * 8 * 4 + 6 * 8 * 12) + 4 * 8 * 6 + 3 * 2 * 8 * 7
    assert causal_gflop(llama, 3) == pytest.approx(expected / 1e9)


def test_bert_as_a_decoder_by_hand() -> None:
    """Three tokens of which one is read out, by a square matrix and the vocabulary."""
    bert = BertConfig(
        vocab_size=7,
        hidden_size=4,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        is_decoder=True,
    )
    expected = 2 * (3 * (8 * 4 * 4 + 4 * 4 * 16) + 4 * 4 * 6) + 2 * 4 * 4 + 2 * 4 * 7
    assert causal_gflop(bert, 3, 1) == pytest.approx(expected / 1e9)


def test_no_formula_for_others() -> None:
    assert encoder_decoder_gflop(ProphetNetConfig(), [3], 1) is None
    assert causal_gflop(T5Config(), 3) is None
