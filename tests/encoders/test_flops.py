from __future__ import annotations

from types import SimpleNamespace

import pytest

from odqa.encoders.flops import encoder_gflop, linear_gflop, warn_of_no_formula


def config(**changes: object) -> SimpleNamespace:
    values = {
        "model_type": "bert",
        "hidden_size": 4,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
    }
    return SimpleNamespace(**(values | changes))


def test_linear_counts_a_multiply_add_as_two() -> None:
    assert linear_gflop(3, 4, 5) == pytest.approx(120e-9)


def test_one_layer_by_hand() -> None:
    # t=2, d=4, f=8: projections 4*2*2*4*4=256, attention 2*2*2*2*4=64, feed-forward 2*2*2*4*8=256.
    assert encoder_gflop(config(), 2) == pytest.approx(576e-9)


def test_layers_add_up_and_only_attention_is_quadratic() -> None:
    assert encoder_gflop(config(num_hidden_layers=3), 2) == pytest.approx(3 * 576e-9)
    # Twice the tokens: twice the products with weights, four times the products among tokens.
    assert encoder_gflop(config(), 4) == pytest.approx((2 * 512 + 4 * 64) * 1e-9)


def test_a_gate_is_a_third_matrix() -> None:
    assert encoder_gflop(config(model_type="modernbert"), 2) == pytest.approx((576 + 128) * 1e-9)


def test_distilbert_names_its_inner_width_otherwise() -> None:
    other = config(model_type="distilbert", hidden_dim=8)
    del other.intermediate_size
    assert encoder_gflop(other, 2) == pytest.approx(576e-9)


def test_minilm_at_128_tokens() -> None:
    # 6 layers, width 384, inner 1536, by the paper-and-pencil formula.
    minilm = config(hidden_size=384, intermediate_size=1536, num_hidden_layers=6)
    by_hand = 6 * (8 * 128 * 384**2 + 4 * 128**2 * 384 + 4 * 128 * 384 * 1536)
    assert encoder_gflop(minilm, 128) == pytest.approx(by_hand / 1e9)


@pytest.mark.parametrize(
    "other",
    [
        {"intermediate_size": None},
        {"hidden_size": None},
        {"hidden_size": "wide"},
        {"num_hidden_layers": [2, 2]},
        {"num_hidden_layers": None},
    ],
)
def test_another_shape_has_no_formula(other: dict[str, object]) -> None:
    assert encoder_gflop(config(**other), 2) is None


def test_models_that_name_their_sizes_otherwise_have_no_formula(
    caplog: pytest.LogCaptureFixture,
) -> None:
    import transformers

    warn_of_no_formula.cache_clear()
    for kind in (transformers.XLNetConfig, transformers.T5Config, transformers.GPT2Config):
        assert encoder_gflop(kind(), 2) is None
        assert encoder_gflop(kind(), 3) is None
    assert [record.args for record in caplog.records] == [("xlnet",), ("t5",), ("gpt2",)]
