from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from odqa.encoders.pooling import pooled

# Two texts, three positions, width 2; the second text has one real token.
STATES = torch.tensor([[[1.0, 0.0], [3.0, 4.0], [2.0, 2.0]], [[3.0, 4.0], [9.0, 9.0], [9.0, 9.0]]])
MASK = torch.tensor([[1, 1, 1], [1, 0, 0]])
OUTPUT = SimpleNamespace(last_hidden_state=STATES, pooler_output=torch.tensor([[6.0, 8.0]] * 2))


def test_mean_is_over_real_tokens_only() -> None:
    assert pooled(OUTPUT, MASK, "mean").tolist() == [[2.0, 2.0], [3.0, 4.0]]


def test_cls_is_the_first_token() -> None:
    assert pooled(OUTPUT, MASK, "cls").tolist() == [[1.0, 0.0], [3.0, 4.0]]


def test_the_pooler_is_the_models_own() -> None:
    assert pooled(OUTPUT, MASK, "pooler")[0].tolist() == pytest.approx([6, 8])


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("max", [[3, 4], [3, 4]]),
        ("lasttoken", [[2, 2], [3, 4]]),
        ("mean_sqrt_len_tokens", [[6 / 3**0.5, 6 / 3**0.5], [3, 4]]),
        # (1*1 + 2*3 + 3*2) / 6 and (2*4 + 3*2) / 6.
        ("weightedmean", [[13 / 6, 14 / 6], [3, 4]]),
        ("cls+max", [[1, 0, 3, 4], [3, 4, 3, 4]]),
    ],
)
def test_other_modes_by_hand(mode: str, expected: list[list[float]]) -> None:
    assert torch.allclose(pooled(OUTPUT, MASK, mode), torch.tensor(expected, dtype=torch.float32))


def test_tokens_outside_of_the_mask_count_in_no_mode() -> None:
    mask = torch.tensor([[0, 1, 1]])
    output = SimpleNamespace(last_hidden_state=STATES[:1])
    assert pooled(output, mask, "cls").tolist() == [[3, 4]]
    assert pooled(output, mask, "lasttoken").tolist() == [[2, 2]]
    assert pooled(output, mask, "max").tolist() == [[3, 4]]
    # Positions count from the start of the text: (2*3 + 3*2) / 5.
    assert pooled(output, mask, "weightedmean")[0].tolist() == pytest.approx([12 / 5, 14 / 5])


def test_bf16_states_are_summed_in_fp32() -> None:
    states = torch.ones(1, 300, 1, dtype=torch.bfloat16)
    output = SimpleNamespace(last_hidden_state=states)
    vectors = pooled(output, torch.ones(1, 300), "mean")
    assert vectors.dtype is torch.float32
    assert vectors.item() == 1.0
