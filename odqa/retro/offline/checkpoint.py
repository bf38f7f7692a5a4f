"""A loaded RETRO checkpoint: what rankers and readers have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from odqa.checkpoints.load import check_length, load_tokenizer, parameter_count
from odqa.devices import device_facts
from odqa.encoders.tokens import TextTokens
from odqa.errors import CheckpointError
from odqa.retro.model.attention import KeyValues
from odqa.retro.model.layouts import frame_pairs, pad_passages
from odqa.retro.model.model import Neighbours, RetroModel
from odqa.retro.model.neighbour_keys import NeighbourKeys, project_neighbours
from odqa.retro.model.prepacked import prepack
from odqa.retro.model.ranking_settings import RankingSettings
from odqa.retro.offline.encodings import encode_neighbours, prompt_chunk, stack_kv, unstack_kv
from odqa.threads import BUILDING_MODELS


@dataclass(frozen=True)
class Candidates:
    """Passages as the decoder reads them: ``states`` [1, n, r, e], ``mask`` [1, n, r]."""

    states: Tensor
    mask: Tensor
    keys: NeighbourKeys | None = None


class RetroCheckpoint:
    """Model, tokenizer and settings of one folder, for inference.

    Args:
        folder: in the format of `RetroModel.save_pretrained`, with a tokenizer beside it.
        name: the user's name for it, for messages.
        passage_tokens: None takes the model's neighbour length.

    Raises:
        CheckpointError: another kind of checkpoint, or an incomplete one.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        passage_tokens: int | None = None,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.folder = folder
        with BUILDING_MODELS:
            self.model = RetroModel.from_pretrained(folder, device=device or "cpu", dtype=dtype)
            prepack(self.model)
        self.settings = RankingSettings.read(folder)
        config = self.model.config
        self.passage_tokens = passage_tokens or config.neighbour_length
        stack = config.encoder
        if stack.position == "absolute":
            check_length("passage_tokens", self.passage_tokens, stack.max_positions, name)
        self.tokenizer = load_tokenizer(folder, name)
        if len(self.tokenizer) > config.vocab_size:
            raise CheckpointError(
                f"its tokenizer knows {len(self.tokenizer)} tokens, its model {config.vocab_size}",
                where=name,
                cure="name a checkpoint whose files belong together",
            )
        self.tokens = TextTokens(self.tokenizer, self.passage_tokens)
        self.end = end_token(self.tokenizer, name)

    @property
    def parameters(self) -> int:
        """Parameters of the model."""
        return parameter_count(self.model)

    def facts(self) -> dict[str, str]:
        """Device and number format, for reports."""
        return device_facts(self.model.device, self.model.token_table().dtype)

    def tokenise(self, texts: Sequence[str]) -> tuple[list[list[int]], int]:
        """Token ids of passages, markers included, and how many were cut off."""
        tokens = self.tokens(texts)
        return tokens.ids, tokens.truncated

    def prompt_ids(self) -> list[int]:
        """The constant first chunk."""
        (bare,) = self.tokens.bare([self.settings.prompt])
        return self.tokens.marked(bare)[: self.model.config.chunk_length]

    def width(self, keys: bool) -> int:
        """Numbers per token that `pack` writes."""
        config = self.model.config
        extra = 2 * len(config.decoder.cross_layers) * config.decoder.width if keys else 0
        return config.encoder.d_model + extra

    @torch.inference_mode()
    def pack(self, passages: Sequence[Sequence[int]], keys: bool) -> list[np.ndarray]:
        """Rows to store of each passage: float32 [tokens, width].

        A conditioned encoder is conditioned on the constant first chunk.
        """
        ids, mask = self.padded(passages)
        chunk = self._prompt() if self.model.config.conditioned else None
        states = encode_neighbours(self.model, ids[0], mask[0], chunk)
        rows = states
        if keys:
            kv = stack_kv(project_neighbours(self.model, states))
            rows = torch.cat((states, kv.permute(0, 4, 1, 2, 3, 5).flatten(3).flatten(2)), -1)
        arrays = rows.float().cpu().numpy()
        return [row[: len(ids)] for row, ids in zip(arrays, passages, strict=True)]

    def unpack(self, rows: np.ndarray, mask: np.ndarray, keys: bool) -> Candidates:
        """Candidates from stored rows [n, r, width] and their mask [n, r]."""
        dtype, config = self.model.token_table().dtype, self.model.config
        values = self.tensor(rows).to(dtype)
        real = self.tensor(mask)[None]
        states = values[None, ..., : config.encoder.d_model]
        if not keys:
            return Candidates(states, real)
        stack = config.decoder
        shape = (len(stack.cross_layers), 2, stack.heads, stack.head_dim)
        kv: Tensor = torch.unflatten(values[..., config.encoder.d_model :], -1, shape)
        return Candidates(states, real, unstack_kv(self.model, kv.permute(0, 2, 3, 4, 1, 5)))

    def _prompt(self) -> tuple[Tensor, Tensor]:
        m = self.model.config.chunk_length
        frame = frame_pairs(
            [self.prompt_ids()], [[self.end]], chunk_length=m, pad_id=self.tokens.pad
        )
        ids, mask = self.tensor(frame.ids), self.tensor(frame.mask)
        return prompt_chunk(self.model, ids[0, :m], mask[0, :m])

    def padded(self, passages: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Ids and mask [1, n, r] of tokenised passages."""
        ids, mask = pad_passages(passages, length=self.passage_tokens, pad_id=self.tokens.pad)
        return self.tensor(ids)[None], self.tensor(mask)[None]

    def tensor(self, array: np.ndarray) -> Tensor:
        """An array on the model's device."""
        return torch.from_numpy(array).to(self.model.device)


def arranged(candidates: Candidates, counts: Sequence[int]) -> Neighbours:
    """Candidates of several questions, in order, as the neighbours of each question (l = 1).

    Args:
        candidates: of all questions together, [1, sum of counts, r].
        counts: passages of each question; those with fewer are filled with masked ones.
    """
    rows = torch.tensor([i for i, count in enumerate(counts) for _ in range(count)])
    places = torch.tensor([place for count in counts for place in range(count)])
    largest = max(counts)

    def spread(t: Tensor) -> Tensor:
        out = t.new_zeros(len(counts), largest, *t.shape[1:])
        out[rows.to(t.device), places.to(t.device)] = t
        return out

    def side_by_side(t: Tensor) -> Tensor:
        return spread(t).transpose(1, 2).flatten(2, 3)

    keys = None
    if candidates.keys is not None:
        keys = {
            layer: KeyValues(side_by_side(kv.keys), side_by_side(kv.values))
            for layer, kv in candidates.keys.items()
        }
    mask, states = spread(candidates.mask[0])[:, None], spread(candidates.states[0])[:, None]
    return Neighbours(mask, encoded=states, keys=keys)


def end_token(tokenizer: Any, name: str) -> int:
    """The token that ends a text: separator or end token; CheckpointError where there is none."""
    for token in (tokenizer.sep_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    raise CheckpointError(
        "its tokenizer has neither a separator nor an end token",
        where=name,
        cure="add one to its special_tokens_map.json",
    )
