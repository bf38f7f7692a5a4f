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
    assert pooled(OUTPUT, MASK, "mean", normalize=False).tolist() == [[2.0, 2.0], [3.0, 4.0]]


def test_cls_is_the_first_token() -> None:
    assert pooled(OUTPUT, MASK, "cls", normalize=False).tolist() == [[1.0, 0.0], [3.0, 4.0]]


def test_pooler_and_unit_length() -> None:
    vectors = pooled(OUTPUT, MASK, "pooler", normalize=True)
    assert vectors[0].tolist() == pytest.approx([0.6, 0.8])


def test_bf16_states_are_summed_in_fp32() -> None:
    states = torch.ones(1, 300, 1, dtype=torch.bfloat16)
    output = SimpleNamespace(last_hidden_state=states)
    vectors = pooled(output, torch.ones(1, 300), "mean", normalize=False)
    assert vectors.dtype is torch.float32
    assert vectors.item() == 1.0
