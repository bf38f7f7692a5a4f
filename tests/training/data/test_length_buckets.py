from __future__ import annotations

import torch

from odqa.training.data.length_buckets import bucket_by_length, restore_order


def test_rows_of_like_length_share_a_bucket_and_come_back_in_order() -> None:
    encoded = {
        "input_ids": [[1], [2, 2, 2], [3, 3], [4, 4, 4]],
        "attention_mask": [[1], [1, 1, 1], [1, 1], [1, 1, 1]],
    }
    batch = bucket_by_length(encoded, pad_id=9, max_tokens=6)
    assert [bucket["input_ids"].tolist() for bucket in batch["buckets"]] == [
        [[2, 2, 2], [4, 4, 4]],
        [[3, 3], [1, 9]],
    ]
    assert batch["buckets"][1]["attention_mask"].tolist() == [[1, 1], [1, 0]]
    firsts = [bucket["input_ids"][:, 0] for bucket in batch["buckets"]]
    assert restore_order(firsts, batch["order"]).tolist() == [1, 2, 3, 4]


def test_a_row_longer_than_a_bucket_gets_one_of_its_own() -> None:
    batch = bucket_by_length({"input_ids": [[1] * 8, [2]]}, pad_id=0, max_tokens=4)
    assert [tuple(bucket["input_ids"].shape) for bucket in batch["buckets"]] == [(1, 8), (1, 1)]


def test_restoring_lets_gradients_through() -> None:
    part = torch.ones(2, requires_grad=True)
    (restore_order([part], torch.tensor([1, 0])) * torch.tensor([1.0, 3.0])).sum().backward()
    assert part.grad is not None
    assert part.grad.tolist() == [3.0, 1.0]
