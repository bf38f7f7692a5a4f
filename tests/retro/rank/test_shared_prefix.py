"""Shared prefixes and offline neighbours against one full forward for each candidate."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor

from odqa.retro.model.layouts import LayoutName, frame_questions, pad_passages
from odqa.retro.model.neighbour_keys import project_neighbours
from odqa.retro.offline.encodings import encode_neighbours, prompt_chunk, stack_kv, unstack_kv
from odqa.retro.rank.scores import (
    read_out,
    score_encoded,
    score_projected,
)
from odqa.retro.rank.shared_prefix import encode_candidates, share_prefix
from odqa.testing.retro_model import Case, tiny_case, tiny_config
from odqa.testing.retro_ranking import score_candidates, score_naive

QUESTIONS = [[4, 5, 6], [7, 8, 9, 10, 11, 12]]
KINDS = [
    ("xl", "xl", True, "pre"),
    ("rope", "rope", True, "post"),
    ("bias", "bias", False, "pre"),
    ("absolute", "xl", True, "post"),
]


class Batch:
    """Two laid-out questions with three candidates each, one of them empty."""

    def __init__(self, case: Case, layout: LayoutName) -> None:
        frame = frame_questions(
            QUESTIONS, layout, chunk_length=case.m, score_token=3, prompt=[20, 21, 22]
        )
        self.ids, self.mask = torch.from_numpy(frame.ids), torch.from_numpy(frame.mask)
        self.scored = torch.from_numpy(frame.scored)
        draw = torch.Generator().manual_seed(5)
        self.candidates = torch.randint(0, 50, (2, 3, 16), generator=draw)
        self.candidate_mask = torch.rand(2, 3, 16, generator=draw) > 0.2
        self.candidate_mask[0, 1] = False

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.ids, self.mask, self.candidates, self.candidate_mask


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind)))
@pytest.mark.parametrize("layout", get_args(LayoutName))
@torch.no_grad()
def test_shared_prefix_equals_naive(layout: LayoutName, kind: tuple[str, str, bool, str]) -> None:
    position, cross, conditioned, order = kind
    case = tiny_case(tiny_config(position, cross, conditioned, norm_order=order, bias=True))
    batch = Batch(case, layout)
    fast = score_candidates(case.model, *batch.tensors, scored=batch.scored)
    slow = score_naive(case.model, *batch.tensors, scored=batch.scored)
    assert fast.shape == (2, 3)
    assert (fast - slow).abs().max() < 1e-12
    assert fast.std() > 1e-3


@pytest.mark.parametrize("layout", get_args(LayoutName))
@torch.no_grad()
def test_score_depends_on_question_and_candidate_alone(layout: LayoutName) -> None:
    case = tiny_case()
    batch = Batch(case, layout)
    scores = score_candidates(case.model, *batch.tensors, scored=batch.scored)
    order = torch.tensor([2, 0, 1])
    shuffled = score_candidates(
        case.model,
        batch.ids,
        batch.mask,
        batch.candidates[:, order],
        batch.candidate_mask[:, order],
        scored=batch.scored,
    )
    assert (shuffled - scores[:, order]).abs().max() < 1e-12
    for row in range(2):
        for column in range(3):
            rows, columns = slice(row, row + 1), slice(column, column + 1)
            single = score_candidates(
                case.model,
                batch.ids[rows],
                batch.mask[rows],
                batch.candidates[rows, columns],
                batch.candidate_mask[rows, columns],
                scored=batch.scored[rows],
            )
            assert (single[0, 0] - scores[row, column]).abs() < 1e-12


@pytest.mark.parametrize("layout", get_args(LayoutName))
@torch.no_grad()
def test_the_mean_readout_equals_naive_and_leaves_out_padding(layout: LayoutName) -> None:
    case = tiny_case()
    batch = Batch(case, layout)
    size = batch.ids.shape[1] - (case.m - 1)
    shares = read_out(batch.scored, size, "mean")
    fast = score_candidates(case.model, *batch.tensors, scored=shares)
    slow = score_naive(case.model, *batch.tensors, scored=shares)
    assert (fast - slow).abs().max() < 1e-6
    ids, mask, candidates, candidate_mask = (tensor[:1] for tensor in batch.tensors)
    hidden = case.model(
        ids, mask, candidates[:, 0, None, None], candidate_mask[:, 0, None, None]
    ).hidden
    real = hidden[0, case.m - 1 : case.m + int(batch.scored[0])]
    by_hand = case.model.score(sum(real) / len(real))
    assert (fast[0, 0] - by_hand).abs() < 1e-6


def test_what_is_read_out() -> None:
    scored = torch.tensor([1, 3])
    assert read_out(scored, 4, "last") is scored
    assert read_out(scored, 4, "mean").tolist() == [[0.5, 0.5, 0, 0], [0.25] * 4]


@torch.no_grad()
def test_empty_candidate_scores_as_retrieval_off() -> None:
    case = tiny_case()
    batch = Batch(case, "echo")
    score = score_candidates(case.model, *batch.tensors, scored=batch.scored)[0, 1]
    off = case.model(batch.ids, batch.mask).hidden[0, case.m - 1 + batch.scored[0]]
    assert (score - case.model.score(off)).abs() < 1e-12


@pytest.mark.parametrize("conditioned", [True, False])
@torch.no_grad()
def test_constant_prompt_makes_encodings_independent_of_the_question(conditioned: bool) -> None:
    case = tiny_case(tiny_config(conditioned=conditioned))
    batch = Batch(case, "prompt")
    shared = share_prefix(case.model, batch.ids, batch.mask)
    same = batch.candidates[:1].expand(2, -1, -1), batch.candidate_mask[:1].expand(2, -1, -1)
    online = encode_candidates(case.model, shared, *same)
    assert torch.equal(online[0], online[1])
    prompt = prompt_chunk(case.model, batch.ids[0, : case.m], batch.mask[0, : case.m])
    offline = encode_neighbours(case.model, same[0][0], same[1][0], prompt)
    assert (offline - online[0]).abs().max() < 1e-12
    score = score_encoded(case.model, shared, online, same[1], batch.scored)
    again = offline.expand(2, -1, -1, -1)
    assert (score_encoded(case.model, shared, again, same[1], batch.scored) - score).abs().max() < (
        1e-12
    )
    kvs = unstack_kv(case.model, stack_kv(project_neighbours(case.model, again.flatten(0, 1))))
    stored = score_projected(case.model, shared, kvs, same[1], batch.scored)
    assert (stored - score).abs().max() < 1e-12


@torch.no_grad()
def test_half_precision_store_keeps_the_order() -> None:
    case = tiny_case(tiny_config(conditioned=False))
    batch = Batch(case, "echo")
    shared = share_prefix(case.model, batch.ids, batch.mask)
    encoded = encode_candidates(case.model, None, batch.candidates, batch.candidate_mask)
    exact = score_encoded(case.model, shared, encoded, batch.candidate_mask, batch.scored)
    stored = stack_kv(project_neighbours(case.model, encoded.flatten(0, 1))).half()
    kvs = unstack_kv(case.model, stored)
    rounded = score_projected(case.model, shared, kvs, batch.candidate_mask, batch.scored)
    assert (rounded - exact).abs().max() < 1e-2
    assert torch.equal(rounded.argsort(1), exact.argsort(1))


@torch.no_grad()
def test_conditioned_encodings_do_depend_on_the_question() -> None:
    case = tiny_case()
    batch = Batch(case, "echo")
    shared = share_prefix(case.model, batch.ids, batch.mask)
    same = batch.candidates[:1].expand(2, -1, -1), batch.candidate_mask[:1].expand(2, -1, -1)
    online = encode_candidates(case.model, shared, *same)
    assert not torch.allclose(online[0], online[1])
    with pytest.raises(ValueError, match="retrieving chunk"):
        encode_neighbours(case.model, same[0][0], same[1][0])


@torch.no_grad()
def test_context_chunks_may_come_first() -> None:
    case = tiny_case()
    draw = torch.Generator().manual_seed(2)
    ids = torch.randint(0, 50, (1, 19), generator=draw)
    candidates = torch.randint(0, 50, (1, 2, 16), generator=draw)
    candidate_mask = torch.ones_like(candidates, dtype=torch.bool)
    fast = score_candidates(case.model, ids, None, candidates, candidate_mask, start=15)
    slow = score_naive(case.model, ids, None, candidates, candidate_mask, start=15)
    assert (fast - slow).abs().max() < 1e-12
    with pytest.raises(ValueError, match="whole chunk"):
        share_prefix(case.model, ids, None, start=14)


def test_gradients_reach_every_part() -> None:
    case = tiny_case(tiny_config(gated=True))
    batch = Batch(case, "echo")
    score_candidates(case.model, *batch.tensors, scored=batch.scored).square().sum().backward()
    untouched = [
        name
        for name, parameter in case.model.named_parameters()
        if parameter.grad is None or float(parameter.grad.abs().sum()) == 0
    ]
    assert untouched == []


def test_frames() -> None:
    frame = frame_questions([[1, 2], [3, 4, 5]], "prefix", chunk_length=5, score_token=9)
    assert frame.ids.tolist() == [[0, 0, 1, 2, 9], [0, 3, 4, 5, 9]]
    assert frame.mask.tolist() == [[False, False, True, True, True], [False] + [True] * 4]
    assert (frame.start, frame.suffix, frame.scored.tolist()) == (4, 1, [0, 0])
    echo = frame_questions([[1, 2], [3, 4, 5, 6, 7, 8]], "echo", chunk_length=5, score_token=9)
    assert echo.ids.tolist() == [[0, 0, 1, 2, 9, 1, 2, 9, 0], [3, 4, 5, 6, 9, 3, 4, 5, 9]]
    assert echo.scored.tolist() == [3, 4]
    prompt = frame_questions([[1]], "prompt", chunk_length=3, score_token=9, prompt=[7, 8])
    assert prompt.ids.tolist() == [[0, 7, 8, 1, 9]]
    with pytest.raises(ValueError, match="prompt must have"):
        frame_questions([[1]], "prompt", chunk_length=3, score_token=9)
    with pytest.raises(ValueError, match="no question"):
        frame_questions([], "echo", chunk_length=3, score_token=9)


def test_passages_are_cut_and_padded() -> None:
    ids, mask = pad_passages([[1, 2, 3, 4], [5]], length=3)
    assert ids.tolist() == [[1, 2, 3], [5, 0, 0]]
    assert mask.sum(1).tolist() == [3, 1]
    assert pad_passages([[]], length=3)[0].shape == (1, 1)
