"""Likelihood and attention as scores, against full forwards."""

from __future__ import annotations

import pytest
import torch

from odqa.retro.model.capture import capture_attention
from odqa.retro.model.layouts import frame_pairs
from odqa.retro.model.neighbour_keys import project_neighbours
from odqa.retro.rank import likelihood
from odqa.retro.rank.joint import attention_scores, read_jointly
from odqa.retro.rank.likelihood import suffix_likelihood
from odqa.retro.rank.shared_prefix import encode_candidates, push, share_prefix
from odqa.testing.retro_model import tiny_case


def framed() -> tuple[torch.Tensor, torch.Tensor]:
    frame = frame_pairs([[20, 21], [22, 23, 24]], [[4, 5, 6], [7, 8, 9, 10, 11]], chunk_length=8)
    return torch.from_numpy(frame.ids), torch.from_numpy(frame.mask)


def candidates() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(3)
    ids = torch.randint(0, 50, (2, 3, 16), generator=draw)
    return ids, torch.rand(2, 3, 16, generator=draw) > 0.2


@pytest.mark.parametrize("block", [1, 4, 512])
@torch.no_grad()
def test_likelihood_equals_full_log_softmax(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likelihood, "READOUT_ROWS", block)
    case, (ids, mask), (passages, passage_mask) = tiny_case(), framed(), candidates()
    shared = share_prefix(case.model, ids[:, :-1], mask[:, :-1])
    encoded = encode_candidates(case.model, shared, passages, passage_mask)
    hidden = push(case.model, shared, project_neighbours(case.model, encoded), passage_mask)
    scores = suffix_likelihood(case.model, shared, hidden, ids, mask)
    lengths = [3, 5]
    for row in range(2):
        one = slice(row, row + 1)
        for column in range(3):
            logits = case.model(
                ids[one],
                mask[one],
                passages[one, None, None, column],
                passage_mask[one, None, None, column],
            ).logits.log_softmax(-1)
            steps = [float(logits[0, 7 + step, ids[row, 8 + step]]) for step in range(lengths[row])]
            assert abs(float(scores[row, column]) - sum(steps) / lengths[row]) < 1e-10


@torch.no_grad()
def test_joint_reading_equals_full_forward_with_all_neighbours() -> None:
    case, (ids, mask), (passages, passage_mask) = tiny_case(), framed(), candidates()
    shared = share_prefix(case.model, ids, mask)
    encoded = encode_candidates(case.model, shared, passages, passage_mask)
    suffix = read_jointly(case.model, shared, encoded, passage_mask)
    full = case.model(ids, mask, passages[:, None], passage_mask[:, None]).hidden[:, 7:]
    real = mask[:, 7:, None]
    assert ((suffix - full) * real).abs().max() < 1e-12


@torch.no_grad()
def test_attention_scores() -> None:
    case, (ids, mask), (passages, passage_mask) = tiny_case(), framed(), candidates()
    passage_mask[1, 2] = False
    shared = share_prefix(case.model, ids, mask)
    encoded = encode_candidates(case.model, shared, passages, passage_mask)
    mass = attention_scores(case.model, shared, encoded, passage_mask)
    assert mass.shape == (2, 3)
    assert torch.allclose(mass.sum(1), torch.ones(2, dtype=mass.dtype))
    assert mass[1, 2] == 0
    density = attention_scores(case.model, shared, encoded, passage_mask, "density")
    assert torch.allclose(density[0] * passage_mask[0].sum(-1), mass[0])
    # The same from a full forward with hooks: chunk 0 is the only complete one that retrieves.
    none = torch.zeros_like(passage_mask)
    with capture_attention(case.model) as passes:
        case.model(
            ids, mask, torch.stack((passages, passages), 1), torch.stack((passage_mask, none), 1)
        )
    per_layer = []
    for one in passes:
        row = one.weights.reshape(2, -1, *one.weights.shape[1:])[0, 0]
        per_layer.append(row[:, :4].mean((0, 1)).sum(-1))
    assert torch.allclose(torch.stack(per_layer).mean(0), mass[0])
    logit = attention_scores(case.model, shared, encoded, passage_mask, "logit")
    assert logit[1, 2] == float("-inf")
    by_layer = []
    for one in passes:
        row = one.logits.reshape(2, -1, *one.logits.shape[1:])[0, 0][:, :4].mean((0, 1))
        by_layer.append((row * passage_mask[0]).sum(-1) / passage_mask[0].sum(-1))
    assert torch.allclose(torch.stack(by_layer).mean(0), logit[0])


def test_pairs_need_both_texts() -> None:
    with pytest.raises(ValueError, match="neither may be empty"):
        frame_pairs([[1]], [[]], chunk_length=4)
    long = frame_pairs([[1, 2, 3, 4, 5]], [[6] * 9], chunk_length=4)
    assert long.ids.tolist() == [[2, 3, 4, 5, 6, 6, 6, 6]]
