"""Bugs of public implementations, put in one at a time: the invariants must notice each.

README.md beside this file lists which invariant notices which bug; a test keeps it true.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from odqa.retro.model import attention, blocks, cca, decoding, embedding, encoder, model
from odqa.retro.model import positions as places
from odqa.retro.model.attention import Attention, Visibility, visibility
from odqa.retro.model.model import Neighbours, RetroModel
from odqa.retro.rank import shared_prefix
from odqa.testing.retro_invariants import INVARIANTS
from odqa.testing.retro_model import tiny_case, tiny_config

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Mutant:
    """A bug, the model it shows in, and the invariants that notice it."""

    put_in: Callable[[Patch], None]
    noticed_by: tuple[str, ...]
    config: dict[str, Any] = field(default_factory=dict)


def shift_by(extra: int) -> Callable[[Patch], None]:
    def attending(x: Tensor, m: int) -> Tensor:
        count = x.shape[1] // m
        attending_states = x[:, m - 1 + extra :]
        attending_states = F.pad(
            attending_states, (0, 0, 0, max(0, count * m - attending_states.shape[1]))
        )[:, : count * m]
        return attending_states.reshape(x.shape[0] * count, m, x.shape[2])

    def back(out: Tensor, batch: int, time: int, m: int) -> Tensor:
        flat = out.reshape(batch, -1, out.shape[-1])
        return F.pad(flat, (0, 0, m - 1 + extra, m))[:, :time]

    def put_in(patch: Patch) -> None:
        patch.setattr(cca, "attending_chunks", attending)
        patch.setattr(cca, "back_in_place", back)

    return put_in


def all_visible(mask: Tensor) -> Visibility:
    flat = torch.ones_like(mask.flatten(1))
    return visibility(flat[:, None, None, :])


def no_neighbour_mask(patch: Patch) -> None:
    patch.setattr(cca, "neighbour_visibility", all_visible)


def no_encoder_mask(patch: Patch) -> None:
    patch.setattr(encoder, "token_visibility", all_visible)


def no_chunk_mask(patch: Patch) -> None:
    right = encoder.chunk_visibility
    patch.setattr(encoder, "chunk_visibility", lambda chunk, mask: right(chunk, None))


def no_decoder_mask(patch: Patch) -> None:
    right = model.causal_visibility
    patch.setattr(model, "causal_visibility", lambda mask, *args: right(None, *args))


def no_causality(patch: Patch) -> None:
    def everything(mask: Tensor | None, queries: int, keys: int, device: torch.device) -> Any:
        return visibility(torch.ones(1, 1, queries, keys, dtype=torch.bool))

    patch.setattr(model, "causal_visibility", everything)


def softmax_per_neighbour(patch: Patch) -> None:
    right = Attention.forward

    def forward(self: Attention, x: Tensor, kv: Any, **options: Any) -> Tensor:
        groups, visible = options.pop("key_groups", 1), options.pop("visible", None)
        if groups == 1:
            return right(self, x, kv, visible=visible, **options)
        parts = []
        for j in range(groups):
            keys, values = (t.chunk(groups, 2)[j] for t in kv)
            part = visibility(visible.open.chunk(groups, 3)[j])
            one = attention.KeyValues(keys, values)
            parts.append(right(self, x, one, visible=part, **options))
        return torch.stack(parts).mean(0) * visible.alive

    patch.setattr(Attention, "forward", forward)


def flattened_positions(patch: Patch) -> None:
    right = Attention.logit_parts

    def parts(
        self: Attention, q: Tensor, keys: int, offset: int, groups: int, several: int, causal: bool
    ) -> Any:
        return right(self, q, keys * several, offset, groups, 1, causal)

    patch.setattr(Attention, "logit_parts", parts)


def no_chunk_offset(patch: Patch) -> None:
    for module in (cca, shared_prefix, decoding):
        patch.setattr(module, "neighbour_distance", lambda m: 0)


def shift_one_distance(patch: Patch) -> None:
    right = places.relative_shift
    patch.setattr(places, "relative_shift", lambda x, keys: right(x, keys).roll(1, -1))


def unrotated_queries(patch: Patch) -> None:
    right = places.Rotary.rotate

    def rotate(self: places.Rotary, x: Tensor, start: int, groups: int = 1) -> Tensor:
        # As after a second padding of the query's angles: only the first keeps one.
        return (
            right(self, x, start, groups)
            if start == 0
            else torch.cat((right(self, x, start, groups)[..., :1, :], x[..., 1:, :]), -2)
        )

    patch.setattr(places.Rotary, "rotate", rotate)


def no_scale(patch: Patch) -> None:
    right = attention.attend

    def attend(*args: Any, scale: float, **options: Any) -> Tensor:
        return right(*args, scale=1.0, **options)

    patch.setattr(attention, "attend", attend)


def uniform_when_empty(patch: Patch) -> None:
    right = Attention.merge
    patch.setattr(Attention, "merge", lambda self, mixed, visible: right(self, mixed, None))


def open_gate(patch: Patch) -> None:
    patch.setattr(blocks.Gate, "forward", lambda self, x: x)


def conditioned_on_embeddings(patch: Patch) -> None:
    embed, encode = RetroModel.embed, RetroModel.encode_chunks
    last: list[Tensor] = []

    def remember(self: RetroModel, *args: Any) -> Tensor:
        last[:] = [embed(self, *args)]
        return last[0]

    patch.setattr(RetroModel, "embed", remember)
    patch.setattr(RetroModel, "encode_chunks", lambda self, h, *args: encode(self, last[0], *args))


def conditioned_on_next_chunk(patch: Patch) -> None:
    right = RetroModel.encode_chunks

    def encode(self: RetroModel, h: Tensor, *args: Any) -> Tensor:
        return right(self, h.roll(-self.config.chunk_length, 1), *args)

    patch.setattr(RetroModel, "encode_chunks", encode)


def neighbours_mixed_in_encoder(patch: Patch) -> None:
    right = encoder.NeighbourEncoder.forward

    def forward(self: Any, ids: Tensor, mask: Tensor, *args: Any) -> Tensor:
        flat = right(self, ids.flatten(1)[:, None], mask.flatten(1)[:, None], *args)
        return flat.reshape(*ids.shape, -1)

    patch.setattr(encoder.NeighbourEncoder, "forward", forward)


def chunk_and_neighbour_axes_swapped(patch: Patch) -> None:
    right = RetroModel.encode_chunks

    def encode(self: RetroModel, h: Tensor, mask: Any, neighbours: Neighbours) -> Tensor:
        encoded = right(self, h, mask, neighbours)
        return encoded.transpose(1, 2).reshape(encoded.shape)

    patch.setattr(RetroModel, "encode_chunks", encode)


def mask_guessed_from_ids(patch: Patch) -> None:
    def guess(ids: Tensor | None, mask: Tensor | None, encoded: Tensor | None) -> Any:
        return None if ids is None else Neighbours(ids != 0, ids)

    patch.setattr(model, "as_neighbours", guess)


def padding_retrieves(patch: Patch) -> None:
    right = model.retrievable
    patch.setattr(
        model, "retrievable", lambda neighbours, mask, *args: right(neighbours, None, *args)
    )


def neighbours_of_another_sequence(patch: Patch) -> None:
    def encode(self: RetroModel, *args: Any) -> Tensor:
        return right(self, *args).flip(0)

    right = RetroModel.encode_chunks
    patch.setattr(RetroModel, "encode_chunks", encode)


def places_count_padding(patch: Patch) -> None:
    right = embedding.places
    patch.setattr(embedding, "places", lambda ids, mask, first=0: right(ids, None, first))


def late_retrieval(patch: Patch) -> None:
    def collect(self: decoding.CachedDecoder, h: Tensor) -> None:
        keys, visible, k = dict(self._neighbour_keys), self._visible, self._k
        right(self, h)
        if (self.length + 1) % self.model.config.chunk_length == 0:
            # The chunk's last token still sees what the previous chunk retrieved.
            self._neighbour_keys, self._visible, self._k = keys, visible, k

    right = decoding.CachedDecoder._collect
    patch.setattr(decoding.CachedDecoder, "_collect", collect)


def cached_offset_forgotten(patch: Patch) -> None:
    def cross(self: Any, block: Any, layer: int, h: Tensor) -> Tensor:
        length, self.length = self.length, self.model.config.chunk_length - 1
        out: Tensor = right(self, block, layer, h)
        self.length = length
        return out

    right = decoding.CachedDecoder._cross
    patch.setattr(decoding.CachedDecoder, "_cross", cross)


def suffix_sees_its_future(patch: Patch) -> None:
    right = shared_prefix.causal_visibility

    def all_positions(mask: Any, queries: int, keys: int, device: torch.device) -> Any:
        if queries == keys:
            return right(mask, queries, keys, device)
        return visibility(mask[:, None, None, :].expand(-1, -1, queries, -1))

    patch.setattr(shared_prefix, "causal_visibility", all_positions)


MUTANTS: dict[str, Mutant] = {
    "cross-attention one token late": Mutant(
        shift_by(1), ("neighbour_causality", "cross_attention_equals_a_loop", "cached_equals_full")
    ),
    "cross-attention one token early": Mutant(
        shift_by(-1), ("token_causality", "neighbour_causality", "gradients_are_causal")
    ),
    "neighbour padding attended in cross-attention": Mutant(
        no_neighbour_mask, ("empty_neighbours_are_off", "masked_tokens_are_inert")
    ),
    "neighbour padding attended in the encoder": Mutant(
        no_encoder_mask, ("masked_tokens_are_inert",)
    ),
    "left padding attended by the encoder": Mutant(no_chunk_mask, ("left_padding_is_inert",)),
    "left padding attended by the decoder": Mutant(no_decoder_mask, ("left_padding_is_inert",)),
    "decoder not causal": Mutant(no_causality, ("token_causality", "prefix_consistency")),
    "softmax over each neighbour": Mutant(
        softmax_per_neighbour, ("masked_tokens_are_inert", "cross_attention_equals_a_loop")
    ),
    "positions over all neighbours in a row": Mutant(
        flattened_positions,
        ("neighbour_order_is_inert", "cross_attention_equals_a_loop", "attention_sums_to_one"),
    ),
    "distance without m - 1": Mutant(no_chunk_offset, ("cross_attention_equals_a_loop",)),
    "relative distances shifted by one": Mutant(
        shift_one_distance, ("prefix_consistency", "cross_attention_equals_a_loop")
    ),
    "rotary angles of queries lost": Mutant(
        unrotated_queries,
        ("cross_attention_equals_a_loop",),
        {"position": "none", "cross": "rope"},
    ),
    "logits not scaled": Mutant(no_scale, ("cross_attention_equals_a_loop",)),
    "uniform attention without neighbours": Mutant(
        uniform_when_empty, ("empty_neighbours_are_off",)
    ),
    "gate ignored": Mutant(open_gate, ("closed_gate_is_off",), {"gated": True}),
    "encoder conditioned on embeddings": Mutant(
        conditioned_on_embeddings, ("encoder_sees_first_cross_layer",)
    ),
    "encoder conditioned on the next chunk": Mutant(
        conditioned_on_next_chunk, ("token_causality", "prefix_consistency")
    ),
    "neighbours see each other in the encoder": Mutant(
        neighbours_mixed_in_encoder, ("neighbour_order_is_inert",)
    ),
    "chunk and neighbour axes swapped": Mutant(
        chunk_and_neighbour_axes_swapped, ("neighbour_causality", "neighbour_order_is_inert")
    ),
    "neighbours of another sequence": Mutant(
        neighbours_of_another_sequence, ("batch_is_independent", "encoder_sees_first_cross_layer")
    ),
    "mask guessed from ids": Mutant(mask_guessed_from_ids, ("masked_tokens_are_inert",)),
    "chunk of padding retrieves": Mutant(padding_retrieves, ("left_padding_is_inert",)),
    "absolute positions count padding": Mutant(
        places_count_padding, ("left_padding_is_inert",), {"position": "absolute"}
    ),
    "cached retrieval one token late": Mutant(late_retrieval, ("cached_equals_full",)),
    "cached distance restarts at each token": Mutant(
        cached_offset_forgotten, ("cached_equals_full",)
    ),
    "shared-prefix suffix not causal": Mutant(
        suffix_sees_its_future, ("shared_prefix_equals_naive",)
    ),
}
PAIRS = [(name, check) for name, mutant in MUTANTS.items() for check in mutant.noticed_by]


@pytest.mark.parametrize(("name", "check"), PAIRS)
def test_bug_is_noticed(name: str, check: str, monkeypatch: Patch) -> None:
    mutant = MUTANTS[name]
    case = tiny_case(tiny_config(**mutant.config))
    INVARIANTS[check](case)
    mutant.put_in(monkeypatch)
    with pytest.raises(AssertionError):
        INVARIANTS[check](case)


def test_every_invariant_notices_some_bug() -> None:
    assert {check for _, check in PAIRS} == set(INVARIANTS)


def test_readme_lists_what_notices_what() -> None:
    text = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    expected = [
        f"| {name} | {', '.join(f'`{check}`' for check in mutant.noticed_by)} |"
        for name, mutant in MUTANTS.items()
    ]
    assert rows[1:] == expected
