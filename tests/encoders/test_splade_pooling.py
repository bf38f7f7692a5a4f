from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from odqa.encoders.splade_pooling import sparse_rows, splade_pooled

# Two texts of two tokens over three words; the last token of the second is padding.
LOGITS = torch.tensor([[[1.0, -2.0, 0.0], [3.0, -1.0, 7.0]], [[-1.0, 0.5, 2.0], [9.0, 9.0, 9.0]]])
MASK = torch.tensor([[1, 1], [1, 0]])


def ln(x: float) -> float:
    return math.log(1 + x)


@pytest.mark.parametrize(
    ("pooling", "activation", "expected"),
    [
        ("max", "relu", [[ln(3), 0, ln(7)], [0, ln(0.5), ln(2)]]),
        ("sum", "relu", [[ln(1) + ln(3), 0, ln(7)], [0, ln(0.5), ln(2)]]),
        ("max", "log1p_relu", [[ln(ln(3)), 0, ln(ln(7))], [0, ln(ln(0.5)), ln(ln(2))]]),
        ("sum", "log1p_relu", [[ln(ln(1)) + ln(ln(3)), 0, ln(ln(7))], [0, ln(ln(0.5)), ln(ln(2))]]),
    ],
)
def test_a_case_by_hand(pooling: str, activation: str, expected: list[list[float]]) -> None:
    found = splade_pooled(LOGITS, MASK, pooling, activation)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.tensor(expected))


@pytest.mark.parametrize("pooling", ["max", "sum"])
@pytest.mark.parametrize("activation", ["relu", "log1p_relu"])
def test_sentence_transformers_pools_the_same(pooling: str, activation: str) -> None:
    from sentence_transformers.sparse_encoder.modules import SpladePooling

    logits = torch.randn(5, 9, 40, generator=torch.Generator().manual_seed(3))
    mask = (torch.arange(9)[None] < torch.tensor([9, 1, 4, 7, 8])[:, None]).long()
    found = splade_pooled(logits, mask, pooling, activation)
    home = SpladePooling(pooling, activation).eval()
    features = {"token_embeddings": logits.clone(), "attention_mask": mask}
    torch.testing.assert_close(found, home(features)["sentence_embedding"], atol=1e-6, rtol=0)


def test_no_number_stays_no_number() -> None:
    logits = LOGITS.clone()
    logits[0, 1, 0] = torch.nan
    for pooling in ("max", "sum"):
        assert splade_pooled(logits, MASK, pooling)[0, 0].isnan()


def test_rows_have_what_is_not_zero() -> None:
    rows = sparse_rows(np.array([[0, 0.5, 0, 2], [0, 0, 0, 0]], np.float32))
    assert [row.tolist() for row in rows] == [[[1, 0.5], [3, 2]], []]
    assert rows[1].shape == (0, 2)


def test_the_largest_are_kept_and_of_equal_ones_the_lower_term() -> None:
    weights = np.array([[1, 3, 1, 0, 2, 1]], np.float32)
    assert sparse_rows(weights, 3)[0].tolist() == [[0, 1], [1, 3], [4, 2]]
    assert sparse_rows(weights, 9)[0][:, 0].tolist() == [0, 1, 2, 4, 5]


def test_sentence_transformers_keeps_the_same() -> None:
    from sentence_transformers.util import select_max_active_dims

    weights = torch.rand(4, 50, generator=torch.Generator().manual_seed(1))
    for row, kept in zip(
        sparse_rows(weights.numpy(), 7), select_max_active_dims(weights, 7), strict=True
    ):
        assert row[:, 0].astype(int).tolist() == kept.nonzero().flatten().tolist()
