"""MaxSim by hand."""

from __future__ import annotations

import torch

from odqa.encoders.maxsim import maxsim

QUERY = torch.tensor([[1.0, 0.0], [0.0, 1.0]])


def test_sum_of_best_similarities() -> None:
    tokens = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, -1.0]])
    scores = maxsim(QUERY, tokens, torch.tensor([2, 1]))
    # First passage: 1 + 0.8; second: 0 - 1.
    torch.testing.assert_close(scores, torch.tensor([1.8, -1.0]))


def test_a_short_passage_keeps_its_negative_score_beside_a_long_one() -> None:
    long = torch.tensor([[0.6, 0.8]] * 9)
    short = torch.tensor([[-0.6, -0.8]])
    scores = maxsim(QUERY, torch.cat([long, short]), torch.tensor([9, 1]))
    # A padded position, being zero, would have made the second score 0.
    torch.testing.assert_close(scores, torch.tensor([1.4, -1.4]))


def test_l2_is_minus_the_squared_distance_to_the_nearest() -> None:
    tokens = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    scores = maxsim(QUERY, tokens, torch.tensor([2]), "l2")
    # Distances: 0 to the first token; (0.6, -0.2) squared, that is 0.4, to the second.
    torch.testing.assert_close(scores, torch.tensor([-0.4]))


def test_half_precision_tokens_and_no_passages() -> None:
    tokens = torch.tensor([[0.5, 0.5]], dtype=torch.float16)
    assert maxsim(QUERY, tokens, torch.tensor([1])).dtype == torch.float32
    empty = maxsim(QUERY, torch.empty(0, 2), torch.empty(0, dtype=torch.long))
    assert empty.shape == (0,)
