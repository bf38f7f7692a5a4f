"""SNRM: a text as a sparse vector of latent terms (Zamani et al. 2018, section 3).

A window of words slides over the text. What it shows goes through an hourglass of layers, a narrow
one and then one as wide as there are latent terms, each with a ReLU, and the windows' results are
averaged. Most are exactly 0, so an inverted index holds the passages. A window is centred at each
word and filled with zeros at the ends, so that a question of two words has two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from odqa.checkpoints.fingerprint import checkpoint_fingerprint
from odqa.devices import device_facts, device_identity
from odqa.encoders.finite import check_finite
from odqa.encoders.flops import linear_gflop
from odqa.encoders.sharded import Shard
from odqa.errors import CheckpointError
from odqa.threads import BUILDING_MODELS
from odqa.word_models.folder import read_settings, read_weights
from odqa.word_models.matching import load_words
from odqa.word_models.vectors import VectorTable, padded_ids
from odqa.word_models.words import Words


@dataclass(frozen=True, slots=True)
class SnrmSettings:
    """``window``: words seen together, odd; ``hidden``: widths of the narrow layers; ``terms``:
    latent terms."""

    window: int = 5
    hidden: tuple[int, ...] = (256,)
    terms: int = 5000
    stop_words: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in ``config.json``."""
        return {
            "model_type": "odqa-snrm",
            "window": self.window,
            "hidden": list(self.hidden),
            "terms": self.terms,
            "stop_words": list(self.stop_words),
        }

    @classmethod
    def read(cls, folder: Path, name: str) -> SnrmSettings:
        """From ``config.json``.

        Raises:
            CheckpointError: another kind of model; a key is missing, unknown or of a wrong value.
        """
        file = read_settings(folder, name, "snrm", set(cls().to_dict()) - {"model_type"})
        window, terms, hidden = file.whole("window"), file.whole("terms"), file.values["hidden"]
        if window is None or not window % 2:
            raise file.wrong("window", "an odd number of words")
        if terms is None:
            raise file.wrong("terms", "a whole number")
        if not isinstance(hidden, list) or any(type(w) is not int or w < 1 for w in hidden):
            raise file.wrong("hidden", "a list of widths from 1 up")
        return cls(window, tuple(hidden), terms, file.texts("stop_words") or ())


class Snrm(nn.Module):
    """Word vectors of texts -> latent terms.

    Args:
        settings: of the checkpoint.
        dim: width of the word vectors.
    """

    def __init__(self, settings: SnrmSettings, dim: int) -> None:
        super().__init__()
        self.settings = settings
        widths = (settings.window * dim, *settings.hidden, settings.terms)
        self.layers = nn.ModuleList(nn.Linear(n_in, n_out) for n_in, n_out in pairwise(widths))

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Latent terms, float32 [texts, terms], none below 0.

        Args:
            vectors: of words [texts, words, dim]; only their directions count.
            mask: [texts, words], 1 for words.
        """
        side = self.settings.window // 2
        words = F.normalize(vectors, dim=-1) * mask[..., None]
        padded = F.pad(words, (0, 0, side, side))
        length = words.shape[1]
        shifted = [padded[:, i : i + length] for i in range(self.settings.window)]
        state = torch.cat(shifted, dim=-1)[mask > 0]
        for layer in self.layers:
            state = layer(state).relu()
        text = torch.arange(len(mask), device=mask.device)[:, None].expand(mask.shape)[mask > 0]
        sums = torch.zeros(len(mask), self.settings.terms, device=mask.device, dtype=state.dtype)
        # A text without words has none.
        means: Tensor = sums.index_add(0, text, state) / mask.sum(1, keepdim=True).clamp(min=1)
        return means


class SnrmModel:
    """An SNRM loaded from a checkpoint folder.

    Args:
        checkpoint: the user's name for it.
        words: of the checkpoint.
        table: their vectors, float32 [words, dim].
        layers: its weights.
        fingerprint: content hash of its files.
        device: where it runs.
        batch_size: texts per forward pass.
    """

    def __init__(
        self,
        checkpoint: str,
        words: Words,
        table: Tensor,
        layers: Snrm,
        fingerprint: str,
        device: torch.device,
        batch_size: int,
    ) -> None:
        self.checkpoint, self.device = checkpoint, device
        self.settings = layers.settings
        self.parameters = table.numel() + sum(p.numel() for p in layers.parameters())
        self._words, self._vectors = words, VectorTable(table).to(device).eval()
        self._dim = int(table.shape[1])
        self._layers = layers.to(device).eval()
        self._fingerprint, self._batch_size = fingerprint, batch_size

    @classmethod
    def load(cls, folder: Path, name: str, device: torch.device, batch_size: int) -> SnrmModel:
        """From a folder with ``config.json``, ``model.safetensors`` and a tokenizer.

        Raises:
            CheckpointError: another kind of checkpoint, or an incomplete or damaged one.
        """
        settings = SnrmSettings.read(folder, name)
        shapes: dict[str, tuple[int | None, ...]] = {"word_vectors": (None, None)}
        widths = (None, *settings.hidden, settings.terms)
        for i in range(len(settings.hidden) + 1):
            shapes[f"layers.{i}.weight"] = (widths[i + 1], widths[i])
            shapes[f"layers.{i}.bias"] = (widths[i + 1],)
        tensors = read_weights(folder, name, shapes)
        table = tensors.pop("word_vectors")
        dim = int(table.shape[1])
        first = tuple(tensors["layers.0.weight"].shape)
        if first[1] != settings.window * dim:
            raise CheckpointError(
                f"its first layer reads {first[1]} numbers, {settings.window} words of width "
                f"{dim} are {settings.window * dim}",
                where=name,
                cure="check that config.json and weights belong together",
            )
        words = load_words(folder, name, settings.stop_words, len(table))
        with BUILDING_MODELS:
            snrm = Snrm(settings, dim)
        snrm.load_state_dict(tensors)
        fingerprint = checkpoint_fingerprint(folder)
        return cls(name, words, table, snrm, fingerprint, device, batch_size)

    def identity(self) -> dict[str, object]:
        """What decides the vectors, for cache keys."""
        return {"checkpoint": self._fingerprint, **device_identity(self.device)}

    def facts(self) -> dict[str, str]:
        """For the report."""
        return {
            **device_facts(self.device, torch.float32),
            "latent terms": f"{self.settings.terms:,}",
        }

    def encode(self, texts: Sequence[str], ids: Sequence[str], kind: str) -> Shard:
        """Latent terms that are not 0: vectors float32 [terms of all texts, 2], term and weight.

        Args:
            texts: to be encoded.
            ids: of the texts, for messages.
            kind: ``question`` or ``passage``, likewise.

        Raises:
            CheckpointError: a weight is no finite number.
        """
        pairs, counts = [np.empty((0, 2), np.float32)], [np.empty(0, np.int64)]
        for start in range(0, len(texts), self._batch_size):
            part = slice(start, start + self._batch_size)
            terms = self._terms(texts[part])
            check_finite(terms, ids[part], kind, self.checkpoint, torch.float32)
            rows, columns = terms.nonzero()
            weights = terms[rows, columns]
            pairs.append(np.stack([columns.astype(np.float32), weights], axis=1))
            counts.append(np.bincount(rows, minlength=len(terms)).astype(np.int64))
        return Shard(np.concatenate(pairs), np.concatenate(counts))

    def gflop(self, text: str) -> float:
        """GFLOP of one text: all layers for each of its words."""
        settings = self.settings
        words = len(self._words.ids([text])[0])
        widths = (settings.window * self._dim, *settings.hidden, settings.terms)
        return sum(linear_gflop(words, n_in, n_out) for n_in, n_out in pairwise(widths))

    def _terms(self, texts: Sequence[str]) -> np.ndarray:
        ids, mask = (part.to(self.device) for part in padded_ids(self._words.ids(texts)))
        with torch.inference_mode():
            terms: np.ndarray = self._layers(self._vectors(ids), mask).cpu().numpy()
        return terms
