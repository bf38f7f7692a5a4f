"""Cached decoding against full forwards, greedy and beam against search by hand."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from odqa.retro.model.attention import KeyValues
from odqa.retro.model.decoding import CachedDecoder
from odqa.retro.model.kv_cache import KeyValueCache
from odqa.retro.model.layouts import frame_prompts
from odqa.retro.model.model import Neighbours
from odqa.retro.read.generation import generate, same_passages
from odqa.testing.retro_model import Case, aligned_right, tiny_case, tiny_config


def passages(case: Case) -> Neighbours:
    return Neighbours(case.neighbour_mask[:, :1], case.neighbours[:, :1])


def prompts() -> tuple[Tensor, Tensor]:
    frame = frame_prompts([[4, 5, 6], [7, 8, 9, 10, 11, 12, 13, 14, 15]], chunk_length=8)
    assert frame.ids.shape == (2, 16)
    assert frame.ids[0].tolist() == [0] * 13 + [4, 5, 6]
    assert frame.mask.sum(1).tolist() == [3, 9]
    return torch.from_numpy(frame.ids), torch.from_numpy(frame.mask)


def slow_greedy(case: Case, steps: int, first_chunk: int) -> list[list[int]]:
    """Full forward for each token; chunks from ``first_chunk`` on see the passages."""
    ids, mask = prompts()
    neighbours = passages(case)
    for _ in range(steps):
        chunks = ids.shape[1] // case.m
        token_mask = neighbours.mask.repeat(1, chunks, 1, 1)
        token_mask[:, :first_chunk] = False
        assert neighbours.ids is not None
        logits = case.model(ids, mask, neighbours.ids.repeat(1, chunks, 1, 1), token_mask).logits
        ids = torch.cat((ids, logits[:, -1:].argmax(-1)), 1)
        mask = torch.cat((mask, torch.ones(2, 1, dtype=torch.bool)), 1)
    return ids[:, 16:].tolist()


@pytest.mark.parametrize("kind", [("xl", "xl"), ("rope", "rope"), ("absolute", "bias")])
@pytest.mark.parametrize("first_chunk", [0, 1])
@torch.no_grad()
def test_greedy_equals_full_forwards_over_three_chunk_ends(
    kind: tuple[str, str], first_chunk: int
) -> None:
    case = tiny_case(tiny_config(*kind))
    generated = generate(
        case.model,
        *prompts(),
        retrieve=same_passages(passages(case), first_chunk),
        max_new_tokens=20,
    )
    assert [list(g.tokens) for g in generated] == slow_greedy(case, 20, first_chunk)


@torch.no_grad()
def test_closed_book_ignores_passages_and_stops_at_the_end_token() -> None:
    case = tiny_case()
    free = generate(case.model, *prompts(), max_new_tokens=6)
    end = free[0].tokens[3]
    stopped = generate(case.model, *prompts(), max_new_tokens=6, end_token=end)
    cut = free[0].tokens.index(end)
    assert stopped[0].tokens == free[0].tokens[:cut]
    assert stopped[0].score == pytest.approx(
        generate(case.model, *prompts(), max_new_tokens=cut + 1)[0].score
    )
    if end not in free[1].tokens:
        assert stopped[1] == free[1]


@torch.no_grad()
def test_beam_search_finds_the_best_of_all_continuations() -> None:
    case = tiny_case()
    ids, mask = prompts()
    ids, mask = ids[:1], mask[:1]
    neighbours = Neighbours(case.neighbour_mask[:1, :1], case.neighbours[:1, :1])
    steps, vocab, best = 2, case.model.config.vocab_size, (float("-inf"), (0, 0))
    pairs = torch.tensor(list(itertools.product(range(vocab), repeat=steps)))
    many = torch.cat((ids.expand(len(pairs), -1), pairs), 1)
    masks = torch.ones_like(many, dtype=torch.bool)
    masks[:, :16] = mask
    spread = [
        t.expand(len(pairs), 2, -1, -1) for t in (neighbours.ids, neighbours.mask) if t is not None
    ]
    logits = case.model(many, masks, *spread).logits.log_softmax(-1)
    scores = sum(logits[:, 15 + s].gather(1, pairs[:, s, None]).squeeze(1) for s in range(steps))
    assert isinstance(scores, Tensor)
    best = float(scores.max()), tuple(pairs[scores.argmax()].tolist())
    beam = generate(
        case.model, ids, mask, retrieve=same_passages(neighbours, 0), max_new_tokens=2, beams=vocab
    )[0]
    assert beam.tokens == best[1]
    assert beam.score == pytest.approx(best[0], rel=1e-5)


@torch.no_grad()
def test_beams_of_one_question_do_not_touch_another() -> None:
    case = tiny_case()
    ids, mask = prompts()
    neighbours = passages(case)
    assert neighbours.ids is not None
    options = {"max_new_tokens": 10, "beams": 3, "end_token": 5}
    together = generate(case.model, ids, mask, retrieve=same_passages(neighbours, 0), **options)
    for row in range(2):
        one = slice(row, row + 1)
        own = Neighbours(neighbours.mask[one], neighbours.ids[one])
        alone = generate(
            case.model, ids[one], mask[one], retrieve=same_passages(own, 0), **options
        )[0]
        assert alone.tokens == together[row].tokens
        assert alone.score == pytest.approx(together[row].score, rel=1e-5)


@torch.no_grad()
def test_encoded_passages_of_the_ranker_serve_the_reader() -> None:
    case = tiny_case(tiny_config(conditioned=False))
    neighbours = passages(case)
    assert neighbours.ids is not None
    encoded = case.model.encode(neighbours.ids[:, 0], neighbours.mask[:, 0], None, None)[:, None]
    precomputed = Neighbours(neighbours.mask, None, encoded)
    fresh, reused = (
        generate(case.model, *prompts(), retrieve=same_passages(n, 1), max_new_tokens=9)
        for n in (neighbours, precomputed)
    )
    assert [g.tokens for g in fresh] == [g.tokens for g in reused]


@torch.no_grad()
def test_chunks_aligned_right_end_with_the_prompt() -> None:
    case = tiny_case()
    ids, mask = prompts()
    right = aligned_right(case)
    retrieve = same_passages(passages(case), 0)
    short = generate(right.model, ids[:, 3:], mask[:, 3:], retrieve=retrieve, max_new_tokens=5)
    full = generate(case.model, ids, mask, retrieve=retrieve, max_new_tokens=5)
    assert short[0].tokens == full[0].tokens


@torch.no_grad()
def test_work_for_a_token_does_not_grow_with_a_rebuilt_projection() -> None:
    case = tiny_case()
    decoder = CachedDecoder(case.model)
    attention = case.model.decoder.block(1).self_attention.positions
    calls: list[int] = []
    attention.r_proj.register_forward_hook(lambda _m, inputs, _o: calls.append(len(inputs[0])))
    for token in range(200):
        decoder.feed(torch.full((1, 1), token % 50))
    # Distances up to 0, 1, 2, 4 … 256: ten tables instead of two hundred.
    assert len(calls) == 10


def test_cache_grows_and_reorders() -> None:
    cache = KeyValueCache(capacity=2)
    for step in range(5):
        part = torch.full((2, 1, 1, 3), float(step))
        part[1] += 10
        kv = cache.append(KeyValues(part, part))
    assert kv.keys[0, 0, :, 0].tolist() == [0, 1, 2, 3, 4]
    cache.reorder(torch.tensor([1, 1]))
    assert cache.view().values[0, 0, :, 2].tolist() == [10, 11, 12, 13, 14]


def test_contexts_stand_before_prompts() -> None:
    frame = frame_prompts([[1, 2]], chunk_length=4, contexts=[[7, 8, 9]])
    assert frame.ids.tolist() == [[0, 0, 0, 7, 8, 9, 1, 2]]
    assert frame.start == 7
    with pytest.raises(ValueError, match="needs a token"):
        frame_prompts([[]], chunk_length=4)
