from __future__ import annotations

import torch

from odqa.training.data.length_buckets import chunked, restored


def test_rows_of_like_length_share_a_chunk_and_come_back_in_order() -> None:
    encoded = {
        "input_ids": [[1], [2, 2, 2], [3, 3], [4, 4, 4]],
        "attention_mask": [[1], [1, 1, 1], [1, 1], [1, 1, 1]],
    }
    found = chunked(encoded, pad=9, tokens=6)
    assert [chunk["input_ids"].tolist() for chunk in found["chunks"]] == [
        [[2, 2, 2], [4, 4, 4]],
        [[3, 3], [1, 9]],
    ]
    assert found["chunks"][1]["attention_mask"].tolist() == [[1, 1], [1, 0]]
    firsts = [chunk["input_ids"][:, 0] for chunk in found["chunks"]]
    assert restored(firsts, found["order"]).tolist() == [1, 2, 3, 4]


def test_a_row_longer_than_a_chunk_gets_one_of_its_own() -> None:
    found = chunked({"input_ids": [[1] * 8, [2]]}, pad=0, tokens=4)
    assert [tuple(chunk["input_ids"].shape) for chunk in found["chunks"]] == [(1, 8), (1, 1)]


def test_restoring_lets_gradients_through() -> None:
    part = torch.ones(2, requires_grad=True)
    (restored([part], torch.tensor([1, 0])) * torch.tensor([1.0, 3.0])).sum().backward()
    assert part.grad is not None
    assert part.grad.tolist() == [3.0, 1.0]
