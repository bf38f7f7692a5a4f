"""Histograms of word similarities: DRMM (Guo et al. 2016, section 3).

For each question word i, the cosines with all passage words are counted in bins of equal width over
[-1, 1), and exact matches in a last bin of their own; the counts' logarithms go through a
feed-forward network, and the words' results are summed by a softmax gate over their inverse
document frequencies::

    h_i   = log(1 + counts)                                    LCH, log-count histogram
    z_i   = tanh(W2 tanh(W1 h_i + b1) + b2)
    g_i   = exp(w · idf_i) / sum_j exp(w · idf_j)
    score = sum_i g_i z_i
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from odqa.encoders.flops import linear_gflop
from odqa.threads import BUILDING_MODELS
from odqa.word_models.folder import read_settings, read_weights
from odqa.word_models.matching import MatchingModel, load_words
from odqa.word_models.words import Words


@dataclass(frozen=True, slots=True)
class DrmmSettings:
    """``bins`` of the histogram, the last for exact matches; ``hidden``: width of the layer."""

    bins: int = 30
    hidden: int = 5
    stop_words: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in ``config.json``."""
        return {
            "model_type": "odqa-drmm",
            "bins": self.bins,
            "hidden": self.hidden,
            "stop_words": list(self.stop_words),
        }

    @classmethod
    def read(cls, folder: Path, name: str) -> DrmmSettings:
        """From ``config.json``.

        Raises:
            CheckpointError: another kind of model; a key is missing, unknown or of a wrong value.
        """
        file = read_settings(folder, name, "drmm", set(cls().to_dict()) - {"model_type"})
        bins, hidden = file.whole("bins", least=2), file.whole("hidden")
        if bins is None or hidden is None:
            raise file.wrong("bins" if bins is None else "hidden", "a whole number")
        return cls(bins, hidden, file.texts("stop_words") or ())


class Drmm(nn.Module):
    """Scores of pairs from the log-count histograms of their words."""

    def __init__(self, settings: DrmmSettings) -> None:
        super().__init__()
        self.settings = settings
        self.layers = nn.Sequential(
            nn.Linear(settings.bins, settings.hidden),
            nn.Tanh(),
            nn.Linear(settings.hidden, 1),
            nn.Tanh(),
        )
        self.gate = nn.Parameter(torch.ones(1))

    def forward(self, histograms: Tensor, idf: Tensor, question_mask: Tensor) -> Tensor:
        """Scores [...] of histograms [..., q, bins] and ``idf`` and mask [..., q]."""
        word_scores = self.layers(histograms)[..., 0]
        gate = (self.gate * idf).masked_fill(question_mask == 0, float("-inf")).softmax(-1)
        # A question without words has nothing but padding, whose softmax is not a number.
        score: Tensor = (gate.nan_to_num() * word_scores).sum(-1)
        return score


def log_count_histograms(
    matrix: Tensor, is_exact: Tensor, passage_mask: Tensor, bins: int
) -> Tensor:
    """``log(1 + counts)``: [..., q, bins].

    Bin b < bins - 1 counts cosines of ``[-1 + 2 b / (bins - 1), -1 + 2 (b + 1) / (bins - 1))``;
    the last counts the same word. Another word's cosine that is 1 by rounding counts below it.

    Args:
        matrix: cosines [..., q, p].
        is_exact: bool like ``matrix``, whether the two words are one.
        passage_mask: [..., p], 1 for words.
        bins: at least 2.
    """
    place = ((matrix + 1) / 2 * (bins - 1)).long().clamp(0, bins - 2)
    place = place.masked_fill(is_exact, bins - 1)
    weights = passage_mask[..., None, :].expand(matrix.shape)
    counts = torch.zeros(*matrix.shape[:-1], bins, device=matrix.device)
    return counts.scatter_add(-1, place, weights).log1p()


class DrmmModel(MatchingModel):
    """DRMM with its word vectors and frequencies, loaded from a checkpoint folder."""

    def __init__(
        self, words: Words, table: Tensor, idf: Tensor, drmm: Drmm, device: torch.device
    ) -> None:
        super().__init__(words, table, drmm, device)
        self.settings = drmm.settings
        self.parameters += idf.numel()
        self._idf = idf.to(device)

    @classmethod
    def load(cls, folder: Path, name: str, device: torch.device) -> DrmmModel:
        """From a folder with ``config.json``, ``model.safetensors`` and a tokenizer.

        Raises:
            CheckpointError: another kind of checkpoint, or an incomplete or damaged one.
        """
        settings = DrmmSettings.read(folder, name)
        with BUILDING_MODELS:
            drmm = Drmm(settings)
        shapes: dict[str, tuple[int | None, ...]] = {
            key: tuple(w.shape) for key, w in drmm.state_dict().items()
        }
        tensors = read_weights(
            folder, name, {**shapes, "word_vectors": (None, None), "idf": (None,)}
        )
        table, idf = tensors.pop("word_vectors"), tensors.pop("idf")
        words = load_words(folder, name, settings.stop_words, min(len(table), len(idf)))
        drmm.load_state_dict(tensors)
        return cls(words, table, idf, drmm, device)

    def facts(self) -> dict[str, str]:
        return {"bins": str(self.settings.bins)}

    def match_gflop(self, question: int, passage: int) -> float:
        """For each question word its two layers; counting is left out."""
        bins, hidden = self.settings.bins, self.settings.hidden
        return linear_gflop(question, bins, hidden) + linear_gflop(question, hidden, 1)

    def _score(
        self, question: Tensor, passages: Tensor, matrix: Tensor, passage_mask: Tensor
    ) -> Tensor:
        is_exact = question[..., :, None] == passages[..., None, :]
        histograms = log_count_histograms(matrix, is_exact, passage_mask, self.settings.bins)
        idf = self._idf[question]
        scores: Tensor = self._layers(histograms, idf, torch.ones_like(idf))
        return scores
