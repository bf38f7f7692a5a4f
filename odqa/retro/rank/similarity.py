"""RETRO's retrieval key as part of the ranking score.

The paper retrieves by the mean over a frozen encoder's token states (section 2.3). The mean
encoding of a neighbour encoder grown from such an encoder is still such a key. Its cosine, added to
the head's score, lets a ranker start from the order of the retriever.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from odqa.retro.model.model import RetroModel
from odqa.retro.model.neighbour_keys import NeighbourKeys, project_neighbours
from odqa.retro.rank.scores import score_projected
from odqa.retro.rank.shared_prefix import SharedPrefix


def mean_encoding(encoded: Tensor, mask: Tensor) -> Tensor:
    """Unit vector of the mean over real tokens: [..., r, e] and [..., r] -> [..., e].

    A text without tokens gives zeros.
    """
    weight = mask.to(encoded.dtype).unsqueeze(-1)
    return F.normalize((encoded * weight).sum(-2), dim=-1)


def encode_questions(model: RetroModel, ids: Tensor, mask: Tensor) -> Tensor:
    """Unit vectors [B, e] of questions [B, q] from the neighbour encoder, without conditioning."""
    chunk = chunk_mask = None
    if model.config.conditioned:
        # A chunk of padding alone: conditioning then adds exactly zero.
        m, width = model.config.chunk_length, model.config.decoder.d_model
        table = model.token_table()
        chunk = torch.zeros(len(ids), m, width, dtype=table.dtype, device=ids.device)
        chunk_mask = torch.zeros(len(ids), m, dtype=torch.bool, device=ids.device)
    encoded = model.encode(ids[:, None], mask.bool()[:, None], chunk, chunk_mask)[:, 0]
    return mean_encoding(encoded, mask)


def similarities(questions: Tensor, encoded: Tensor, mask: Tensor) -> Tensor:
    """Cosines of questions [B, e] and candidates [B, n, r, e]: [B, n]."""
    return torch.einsum("be,bne->bn", questions, mean_encoding(encoded, mask))


def relevance(
    model: RetroModel,
    shared: SharedPrefix,
    encoded: Tensor,
    mask: Tensor,
    scored: Tensor,
    questions: Tensor | None,
    weight: float,
    kvs: NeighbourKeys | None = None,
) -> Tensor:
    """The scoring head's relevance plus the weighted similarity: [B, n].

    Args:
        encoded: [B, n, r, e], computed now or offline.
        mask: [B, n, r], true on real tokens.
        scored: which suffix tokens carry the score (see `odqa.retro.rank.scores.read_out`).
        questions: [B, e] of `encode_questions`; None leaves the similarity out.
        kvs: the encodings' keys and values; None computes them.
    """
    kvs = kvs or project_neighbours(model, encoded)
    scores = score_projected(model, shared, kvs, mask, scored)
    if questions is None or weight == 0:
        return scores
    return scores + weight * similarities(questions, encoded, mask)
