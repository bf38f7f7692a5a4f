"""DSSM: a text's letter trigrams through three tanh layers to one vector (Huang et al. 2013).

Section 3: word hashing, layers of 300, 300 and 128, and for training the posterior of a passage
given a question, ``softmax(gamma · cosine)``. One set of weights reads questions and passages. The
paper's documents are titles; so that a passage of a hundred words leaves tanh a slope, trigram
counts can be scaled to unit length (``counts: unit``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from odqa.checkpoints.fingerprint import checkpoint_fingerprint
from odqa.devices import device_facts, device_identity
from odqa.encoders.finite import check_finite
from odqa.encoders.flops import linear_gflop
from odqa.encoders.sharded import Shard
from odqa.threads import BUILDING_MODELS
from odqa.word_models.folder import read_settings, read_weights
from odqa.word_models.trigrams import Trigrams

Counts = Literal["unit", "raw"]


@dataclass(frozen=True, slots=True)
class DssmSettings:
    """``layers``: widths; ``gamma``: what cosines are multiplied by; ``counts``: as they are, or
    scaled to unit length."""

    layers: tuple[int, ...] = (300, 300, 128)
    gamma: float = 10.0
    counts: Counts = "unit"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in ``config.json``."""
        return {
            "model_type": "odqa-dssm",
            "layers": list(self.layers),
            "gamma": self.gamma,
            "counts": self.counts,
        }

    @classmethod
    def read(cls, folder: Path, name: str) -> DssmSettings:
        """From ``config.json``.

        Raises:
            CheckpointError: another kind of model; a key is missing, unknown or of a wrong value.
        """
        file = read_settings(folder, name, "dssm", set(cls().to_dict()) - {"model_type"})
        layers = file.values["layers"]
        if (
            not isinstance(layers, list)
            or not layers
            or any(type(width) is not int or width < 1 for width in layers)
        ):
            raise file.wrong("layers", "a list of widths from 1 up")
        if (gamma := file.number("gamma", 0.0)) <= 0:
            raise file.wrong("gamma", "a number above 0")
        if file.values["counts"] not in get_args(Counts):
            raise file.wrong("counts", " or ".join(get_args(Counts)))
        return cls(tuple(layers), gamma, file.values["counts"])


class Dssm(nn.Module):
    """Trigram counts of texts -> unit vectors.

    Args:
        settings: of the checkpoint.
        trigrams: number of rows of the first matrix.
    """

    def __init__(self, settings: DssmSettings, trigrams: int) -> None:
        super().__init__()
        widths = settings.layers
        self.settings = settings
        #: The first layer's matrix, a row a trigram: a text's trigrams are rows to be summed.
        self.hashing = nn.Parameter(torch.zeros(trigrams, widths[0]))
        self.hashing_bias = nn.Parameter(torch.zeros(widths[0]))
        pairs = pairwise(widths)
        self.layers = nn.ModuleList(nn.Linear(n_in, n_out) for n_in, n_out in pairs)

    def forward(self, rows: Tensor, counts: Tensor, starts: Tensor) -> Tensor:
        """Unit vectors, float32 [texts, last width].

        Args:
            rows: int64, trigrams of all texts, one text after the other.
            counts: float32, how often each occurs.
            starts: int64 [texts], where each text begins in ``rows``.
        """
        if self.settings.counts == "unit":
            text = torch.repeat_interleave(
                torch.arange(len(starts), device=rows.device),
                torch.diff(starts, append=starts.new_tensor([len(rows)])),
            )
            squares = torch.zeros(len(starts), device=rows.device).index_add(0, text, counts**2)
            counts = counts / squares.sqrt().clamp(min=1e-12)[text]
        state = F.embedding_bag(rows, self.hashing, starts, mode="sum", per_sample_weights=counts)
        state = (state + self.hashing_bias).tanh()
        for layer in self.layers:
            state = layer(state).tanh()
        return F.normalize(state, dim=-1)


def bags(trigrams: Trigrams, texts: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
    """The arguments of `Dssm.forward` for texts."""
    parts = [trigrams.rows(text) for text in texts]
    starts = np.cumsum([0, *(len(rows) for rows, _ in parts)])[:-1]
    return (
        torch.tensor([row for rows, _ in parts for row in rows], dtype=torch.long),
        torch.tensor([float(n) for _, counts in parts for n in counts]),
        torch.from_numpy(starts.astype(np.int64)),
    )


class DssmModel:
    """A DSSM loaded from a checkpoint folder.

    Args:
        checkpoint: the user's name for it.
        trigrams: that it knows.
        layers: its weights.
        fingerprint: content hash of its files.
        device: where it runs.
        batch_size: texts per forward pass.
    """

    def __init__(
        self,
        checkpoint: str,
        trigrams: Trigrams,
        layers: Dssm,
        fingerprint: str,
        device: torch.device,
        batch_size: int,
    ) -> None:
        self.checkpoint, self.device = checkpoint, device
        self.settings = layers.settings
        self.parameters = sum(p.numel() for p in layers.parameters())
        self._trigrams, self._layers = trigrams, layers.to(device).eval()
        self._fingerprint, self._batch_size = fingerprint, batch_size

    @classmethod
    def load(cls, folder: Path, name: str, device: torch.device, batch_size: int) -> DssmModel:
        """From a folder with ``config.json``, ``model.safetensors`` and ``trigrams.txt``.

        Raises:
            CheckpointError: another kind of checkpoint, or an incomplete or damaged one.
        """
        settings, trigrams = DssmSettings.read(folder, name), Trigrams.read(folder)
        with BUILDING_MODELS:
            layers = Dssm(settings, len(trigrams))
        shapes = {key: tuple(w.shape) for key, w in layers.state_dict().items()}
        layers.load_state_dict(read_weights(folder, name, shapes))
        fingerprint = checkpoint_fingerprint(folder)
        return cls(name, trigrams, layers, fingerprint, device, batch_size)

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return self.settings.layers[-1]

    def identity(self) -> dict[str, object]:
        """What decides the vectors, for cache keys."""
        return {"checkpoint": self._fingerprint, **device_identity(self.device)}

    def facts(self) -> dict[str, str]:
        """For the report."""
        return {
            **device_facts(self.device, torch.float32),
            "letter trigrams": f"{len(self._trigrams):,}",
        }

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, float32 [texts, dim]."""
        parts = [np.empty((0, self.dim), np.float32)]
        for start in range(0, len(texts), self._batch_size):
            batch = bags(self._trigrams, texts[start : start + self._batch_size])
            with torch.inference_mode():
                vectors = self._layers(*(part.to(self.device) for part in batch))
            parts.append(vectors.cpu().numpy())
        return np.concatenate(parts)

    def encode_questions(self, texts: Sequence[str], ids: Sequence[str]) -> np.ndarray:
        """Vectors of length gamma: their inner products with passages are ``gamma · cosine``.

        Raises:
            CheckpointError: a vector is no finite number.
        """
        vectors = self.settings.gamma * self.encode(texts)
        check_finite(vectors, ids, "question", self.checkpoint, torch.float32)
        return np.asarray(vectors, np.float32)

    def encode_passages(self, texts: Sequence[str], ids: Sequence[str]) -> Shard:
        """Unit vectors, one a passage.

        Raises:
            CheckpointError: a vector is no finite number.
        """
        vectors = self.encode(texts)
        check_finite(vectors, ids, "passage", self.checkpoint, torch.float32)
        return Shard(vectors, np.ones(len(texts), np.int64))

    def gflop(self, text: str) -> float:
        """GFLOP of one text: a row for each of its trigrams, and the other matrices."""
        widths = self.settings.layers
        rows, _ = self._trigrams.rows(text)
        matrices = sum(linear_gflop(1, n_in, n_out) for n_in, n_out in pairwise(widths))
        return linear_gflop(1, len(rows), widths[0]) + matrices
