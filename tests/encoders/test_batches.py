from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from odqa.encoders.batches import padded, texts_at_once, token_batches


@pytest.mark.parametrize(
    ("wish", "device", "texts"),
    [(None, "cpu", 16), (None, "cuda", 64), (64, "cpu", 64), (1, "cuda", 1)],
)
def test_a_cpu_gets_smaller_batches_unless_told(wish: int | None, device: str, texts: int) -> None:
    assert texts_at_once(wish, torch.device(device)) == texts


def test_longest_first_within_the_budget() -> None:
    # Budget 10: the 7 alone; 3 and 3 pad to 6 and the 2 makes it 9; then the 1.
    assert list(token_batches([3, 7, 1, 3, 2], 10)) == [[1], [0, 3, 4], [2]]


def test_a_text_over_the_budget_is_a_batch_of_its_own() -> None:
    assert list(token_batches([50, 60], 10)) == [[1], [0]]


@given(st.lists(st.integers(0, 40)), st.integers(1, 100))
def test_every_text_once_and_no_batch_too_large(lengths: list[int], budget: int) -> None:
    batches = list(token_batches(lengths, budget))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert (
            len(batch) == 1
            or len(batch) * max(lengths[i] for i in batch) <= max(budget, 0)
            or (max(lengths[i] for i in batch) == 0)
        )


def test_padding_by_hand() -> None:
    ids, mask = padded([[5, 6, 7], [8]], pad=9)
    assert np.array_equal(ids, [[5, 6, 7], [8, 9, 9]])
    assert np.array_equal(mask, [[1, 1, 1], [1, 0, 0]])
