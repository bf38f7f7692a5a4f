"""A frozen encoder without layers: the weighted mean of a checkpoint's token embeddings.

It costs a thousandth of the full encoder: for keys of very many chunks, or of cheap ones. Weights
are the logarithms of inverse document frequencies, so that frequent words count little (a simple
form of Arora et al. 2017, "A simple but tough-to-beat baseline for sentence embeddings").
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from odqa.encoders.tokens import TextTokens

if TYPE_CHECKING:
    from odqa.cache import Cache


class StaticEncoder:
    """Text -> unit vector.

    Args:
        checkpoint: local folder, ``embedded:NAME`` or hub id of a text encoder.
        texts: source of the document frequencies that weight tokens; read once, by `load`.
    """

    def __init__(self, checkpoint: str, texts: Iterable[str]) -> None:
        self.checkpoint = checkpoint
        self._texts = texts
        self._loaded: tuple[TextTokens, np.ndarray, np.ndarray, str] | None = None

    def load(self, cache: Cache | None = None) -> None:
        """Read token embeddings and tokenizer, and count the texts; a second call does nothing.

        Raises:
            CheckpointError: not a text encoder, or an incomplete one.
            EnvironmentProblem: a hub checkpoint cannot be reached.
        """
        if self._loaded is not None:
            return
        from odqa.checkpoints.fingerprint import checkpoint_fingerprint
        from odqa.checkpoints.folder import transformer_folder
        from odqa.checkpoints.kinds import check_text_encoder, load_text_model
        from odqa.checkpoints.load import load_tokenizer
        from odqa.checkpoints.resolve import resolve_checkpoint
        from odqa.checkpoints.sentence_settings import encoder_settings

        folder = resolve_checkpoint(self.checkpoint, cache)
        check_text_encoder(folder, self.checkpoint)
        model = load_text_model(folder, self.checkpoint)
        table = model.get_input_embeddings().weight.detach().numpy().copy()
        tokenizer = load_tokenizer(
            transformer_folder(folder),
            self.checkpoint,
            lower_case=encoder_settings(folder).lower_case,
        )
        tokens = TextTokens(tokenizer, max_length=len(table))
        weights = inverse_frequencies(tokens.bare(list(self._texts)), len(table))
        self._loaded = tokens, table, weights, checkpoint_fingerprint(folder)

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return int(self._ready()[1].shape[1])

    def identity(self) -> dict[str, object]:
        """What decides the vectors, for cache keys."""
        _, _, weights, fingerprint = self._ready()
        weights_hash = hashlib.sha256(weights.tobytes()).hexdigest()
        return {"checkpoint": fingerprint, "pooling": "static mean", "weights": weights_hash}

    def encode(self, texts: Sequence[str], desc: str = "") -> np.ndarray:
        """Vectors of texts: float32 [n, dim], in their order; zero for a text without tokens."""
        del desc  # too fast for a progress bar
        tokens, table, weights, _ = self._ready()
        out = np.zeros((len(texts), table.shape[1]), np.float32)
        for row, ids in enumerate(tokens.bare(texts)):
            out[row] = weights[ids] @ table[ids]
        # The sum has the direction of the mean, and only the direction is used.
        lengths = np.linalg.norm(out, axis=1, keepdims=True)
        unit: np.ndarray = np.divide(out, lengths, out=np.zeros_like(out), where=lengths > 0)
        return unit

    def _ready(self) -> tuple[TextTokens, np.ndarray, np.ndarray, str]:
        self.load()
        assert self._loaded is not None
        return self._loaded


def inverse_frequencies(texts: Sequence[Sequence[int]], size: int) -> np.ndarray:
    """``log((n + 1) / (df + 1))`` of each token id, float32 [size]; n texts, df of them with it."""
    frequencies = np.zeros(size, np.int64)
    for ids in texts:
        frequencies[np.unique(np.asarray(ids, np.int64))] += 1
    return np.log((len(texts) + 1) / (frequencies + 1)).astype(np.float32)
