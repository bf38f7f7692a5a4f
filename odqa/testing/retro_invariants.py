"""Invariants of every RETRO model, whatever its weights; each function asserts one.

Used on a tiny float64 model, on models with a bug inserted (each must fail somewhere), and on
converted checkpoints. Tolerances are those of float64.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from odqa.retro.model.capture import capture_attention
from odqa.retro.model.decoding import CachedDecoder
from odqa.retro.model.model import Neighbours
from odqa.testing.retro_loop import cross_attention_loop
from odqa.testing.retro_model import Case
from odqa.testing.retro_ranking import score_candidates, score_naive

CLOSE = 1e-10


def close(a: Tensor, b: Tensor, tolerance: float = CLOSE) -> None:
    """Assert equal shapes and no difference above ``tolerance``."""
    assert a.shape == b.shape
    assert bool(torch.isfinite(a).all())
    difference = float((a - b).detach().abs().max())
    assert difference <= tolerance, f"differs by {difference}"


def first_changed(a: Tensor, b: Tensor) -> int:
    """First position [T] of [B, T, V] that differs; T where none does."""
    changed = ((a - b).abs().amax((0, 2)) > CLOSE).nonzero()
    return int(changed[0]) if len(changed) else a.shape[1]


def token_causality(case: Case) -> None:
    """A token changes no logits before it, and does change its own."""
    before = case.logits()
    for t in (0, case.m - 2, case.m - 1, case.m, 3 * case.m + 1, case.ids.shape[1] - 1):
        ids = case.ids.clone()
        ids[0, t] = (ids[0, t] + 1) % case.model.config.vocab_size
        assert first_changed(case.logits(input_ids=ids)[:1], before[:1]) == t


def neighbour_causality(case: Case) -> None:
    """Neighbours of chunk u first change the logits of that chunk's last token."""
    before = case.logits()
    for u in range(case.neighbours.shape[1]):
        neighbours = case.neighbours.clone()
        neighbours[:, u] = (neighbours[:, u] + 7) % case.model.config.vocab_size
        changed = case.logits(neighbour_ids=neighbours)
        assert first_changed(changed, before) == (u + 1) * case.m - 1


def prefix_consistency(case: Case) -> None:
    """A prefix has the logits of the full sequence; one shorter than m those without retrieval."""
    full = case.logits()
    for length in range(1, case.ids.shape[1] + 1):
        cut = {"input_ids": case.ids[:, :length], "attention_mask": case.mask[:, :length]}
        close(case.logits(**cut), full[:, :length])
        if length < case.m:
            close(case.logits(**cut), case.off(**cut), 0.0)


def cached_equals_full(case: Case) -> None:
    """Tokens fed singly and in ragged pieces get the logits of the full forward."""
    full = case.logits()

    def retrieve(ids: Tensor, mask: Tensor, u: int) -> Neighbours:
        chunk = slice(u * case.m, (u + 1) * case.m)
        close(ids, case.ids[:, chunk], 0)
        close(mask.int(), case.mask[:, chunk].int(), 0)
        position = slice(u, u + 1)
        return Neighbours(case.neighbour_mask[:, position], case.neighbours[:, position])

    for size in (1, 5, 8, 35):
        decoder = CachedDecoder(case.model, retrieve)
        pieces = zip(torch.split(case.ids, size, 1), torch.split(case.mask, size, 1), strict=True)
        # Without gradients the position projections are kept from call to call, as in use.
        with torch.no_grad():
            hidden = torch.cat([decoder.feed(ids, mask) for ids, mask in pieces], 1)
            close(case.model.logits(hidden), full)


def empty_neighbours_are_off(case: Case) -> None:
    """No valid neighbour token at all is exactly retrieval off; one empty chunk is finite."""
    none = torch.zeros_like(case.neighbour_mask)
    close(case.logits(neighbour_mask=none), case.off(), 0.0)
    hole = case.neighbour_mask.clone()
    hole[:, 1] = False
    assert first_changed(case.logits(neighbour_mask=hole), case.logits()) == 2 * case.m - 1


def masked_tokens_are_inert(case: Case) -> None:
    """Neighbour padding, wholly masked neighbours and longer padding change nothing."""
    before = case.logits()
    random_ids = torch.randint_like(case.neighbours, case.model.config.vocab_size)
    filled = torch.where(case.neighbour_mask, case.neighbours, random_ids)
    close(case.logits(neighbour_ids=filled), before)
    more = torch.cat((case.neighbours, random_ids[:, :, :1]), 2)
    mask = torch.cat((case.neighbour_mask, torch.zeros_like(case.neighbour_mask[:, :, :1])), 2)
    close(case.logits(neighbour_ids=more, neighbour_mask=mask), before)
    longer = F.pad(case.neighbours, (0, 5), value=3)
    close(
        case.logits(neighbour_ids=longer, neighbour_mask=F.pad(case.neighbour_mask, (0, 5))), before
    )


def neighbour_order_is_inert(case: Case) -> None:
    """The order of neighbours has no effect, and a repeated neighbour counts once."""
    flipped = case.logits(
        neighbour_ids=case.neighbours.flip(2), neighbour_mask=case.neighbour_mask.flip(2)
    )
    close(flipped, case.logits())
    first, mask = case.neighbours[:, :, :1], case.neighbour_mask[:, :, :1]
    twice = case.logits(
        neighbour_ids=first.repeat(1, 1, 2, 1), neighbour_mask=mask.repeat(1, 1, 2, 1)
    )
    close(twice, case.logits(neighbour_ids=first, neighbour_mask=mask))


def left_padding_is_inert(case: Case) -> None:
    """The ids in padding, and the number of padding chunks, change no real token."""
    before, fill = case.logits(), case.m
    refilled = torch.where(case.mask, case.ids, (case.ids + 11) % case.model.config.vocab_size)
    real = case.mask[..., None]
    close(case.logits(input_ids=refilled) * real, before * real)
    padded = case.logits(
        input_ids=F.pad(case.ids, (fill, 0), value=9),
        attention_mask=F.pad(case.mask, (fill, 0)),
        neighbour_ids=F.pad(case.neighbours, (0, 0, 0, 0, 1, 0), value=4),
        neighbour_mask=F.pad(case.neighbour_mask, (0, 0, 0, 0, 1, 0), value=True),
    )
    close(padded[:, fill:] * real, before * real)


def batch_is_independent(case: Case) -> None:
    """A sequence alone, or with tokens appended, has the same logits."""
    before = case.logits()
    for row in range(2):
        row_slice = slice(row, row + 1)
        alone = case.logits(
            input_ids=case.ids[row_slice],
            attention_mask=case.mask[row_slice],
            neighbour_ids=case.neighbours[row_slice],
            neighbour_mask=case.neighbour_mask[row_slice],
        )
        close(alone, before[row_slice])
    longer = case.logits(
        input_ids=F.pad(case.ids, (0, 3), value=1), attention_mask=F.pad(case.mask, (0, 3))
    )
    close(longer[:, :-3], before)


def gradients_are_causal(case: Case) -> None:
    """Logits before (u+1)m - 1 have no gradient in the encodings of chunk u; that one has."""
    encoded = case.model(case.ids, case.mask, case.neighbours, case.neighbour_mask).encoded
    leaf = encoded.detach().requires_grad_()
    logits = case.model(
        case.ids, case.mask, neighbour_mask=case.neighbour_mask, encoded=leaf
    ).logits
    for u in range(encoded.shape[1]):
        end = (u + 1) * case.m - 1
        early, at_end = (
            torch.autograd.grad(part.square().sum(), leaf, retain_graph=True)[0][:, u]
            for part in (logits[:, :end], logits[:, end])
        )
        assert float(early.abs().max()) == 0
        assert float(at_end.abs().max()) > 0


def attention_sums_to_one(case: Case) -> None:
    """One softmax over all tokens of all neighbours; identical neighbours share it equally."""
    same = case.neighbours[:, :, :1].repeat(1, 1, 2, 1)
    mask = case.neighbour_mask[:, :, :1].repeat(1, 1, 2, 1)
    with capture_attention(case.model) as passes:
        case.logits(neighbour_ids=same, neighbour_mask=mask)
    assert [p.layer for p in passes] == list(case.model.config.decoder.cross_layers)
    for attention in passes:
        by_neighbour = attention.weights.sum(-1)
        close(by_neighbour, torch.full_like(by_neighbour, 0.5))


def encoder_sees_first_cross_layer(case: Case) -> None:
    """H_u are the states after self-attention of layer min(P), before its cross-attention."""
    config, states = case.model.config, []
    block = case.model.decoder.block(config.first_cross_layer)
    handle = block.self_attention.register_forward_hook(lambda _m, _i, out: states.append(out))
    inputs: list[Tensor] = []
    norm = block.self_norm.register_forward_pre_hook(lambda _m, args: inputs.append(args[0]))
    encoded = case.model(case.ids, case.mask, case.neighbours, case.neighbour_mask).encoded
    handle.remove()
    norm.remove()
    h = inputs[0] + states[0]
    for u in range(encoded.shape[1]):
        chunk = slice(u * case.m, (u + 1) * case.m)
        ids, mask = case.neighbours[:, u], case.neighbour_mask[:, u]
        expected = case.model.encode(ids, mask, h[:, chunk], case.mask[:, chunk])
        close(encoded[:, u], expected)


def cross_attention_equals_a_loop(case: Case) -> None:
    """The vectorised cross-attention against the paper's formulas, token by token."""
    draw = torch.Generator().manual_seed(1)
    stacks = case.model.config.decoder, case.model.config.encoder
    h = torch.randn(1, 19, stacks[0].d_model, dtype=torch.double, generator=draw)
    encoded = torch.randn(1, 2, 2, 5, stacks[1].d_model, dtype=torch.double, generator=draw)
    mask = torch.rand(1, 2, 2, 5, generator=draw) > 0.3
    cross = case.model.decoder.cca(case.model.config.first_cross_layer)
    assert cross is not None
    with torch.no_grad():
        slow = cross_attention_loop(cross, h[0], encoded[0], mask[0], case.m)
        close(cross.shifted(h, encoded, mask, case.m)[0], slow)


def shared_prefix_equals_naive(case: Case) -> None:
    """Candidates scored behind one shared prefix, against a full forward for each."""
    prefix = slice(0, case.m + 3)
    question = (case.ids[:, prefix], case.mask[:, prefix])
    candidates = case.neighbours[:, 0], case.neighbour_mask[:, 0]
    with torch.no_grad():
        fast = score_candidates(case.model, *question, *candidates)
        close(fast, score_naive(case.model, *question, *candidates))
        close(
            score_candidates(case.model, *question, *(t.flip(1) for t in candidates)), fast.flip(1)
        )


def closed_gate_is_off(case: Case) -> None:
    """With gates at zero (or, ungated, a zero output projection) neighbours change no bit."""
    before = {name: p.clone() for name, p in case.model.named_parameters()}
    gated = case.model.config.decoder.gated
    ends = ("cross.gate.weight",) if gated else ("o_proj.weight", "o_proj.bias")
    with torch.no_grad():
        for name, parameter in case.model.named_parameters():
            if "decoder" in name and ".cross." in name and name.endswith(ends):
                parameter.zero_()
        try:
            close(case.logits(), case.off(), 0.0)
        finally:
            for name, parameter in case.model.named_parameters():
                parameter.copy_(before[name])


INVARIANTS: dict[str, Callable[[Case], None]] = {
    check.__name__: check
    for check in (
        token_causality,
        neighbour_causality,
        prefix_consistency,
        cached_equals_full,
        empty_neighbours_are_off,
        masked_tokens_are_inert,
        neighbour_order_is_inert,
        left_padding_is_inert,
        batch_is_independent,
        gradients_are_causal,
        attention_sums_to_one,
        encoder_sees_first_cross_layer,
        cross_attention_equals_a_loop,
        shared_prefix_equals_naive,
        closed_gate_is_off,
    )
}
