"""ColBERT encoder: one vector per token, for checkpoints in colbert-ai's format.

A checkpoint is a Hugging Face encoder (usually BERT) plus ``linear.weight`` [dim, hidden] without
bias, and ``artifact.metadata``. Questions get a marker and are filled with [MASK] tokens to a fixed
length (query augmentation); passages get a marker and lose their punctuation (Khattab and Zaharia
2020, ColBERT, section 3.2). Only transformers is used: no colbert-ai, no C++ extension.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.checkpoints.fingerprint import checkpoint_fingerprint
from odqa.checkpoints.late_interaction_settings import LateInteractionSettings, read_settings
from odqa.checkpoints.load import (
    load_model,
    load_tokenizer,
    parameter_count,
    position_limit,
    read_tensor,
)
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.devices import device_and_dtype, device_facts, device_identity
from odqa.encoders.batches import TYPICAL_TOKENS, padded, token_batches
from odqa.encoders.kept_batches import KeptBatches
from odqa.encoders.sharded import Shard
from odqa.errors import CheckpointError
from odqa.interfaces import Device, Precision
from odqa.progress import progress

if TYPE_CHECKING:
    from torch import Tensor

    from odqa.cache import Cache


class LateInteractionEncoder:
    """Text -> unit token vectors.

    Args:
        checkpoint: local folder, ``embedded:NAME`` or hub id.
        query_maxlen, doc_maxlen: tokens per text, markers included; default: the checkpoint's own.
        device: where the encoder runs.
        precision: number format; auto is fp32 on the CPU, bf16 on a GPU.
        batch_size: questions, or passages of 128 tokens, per forward pass.
    """

    def __init__(
        self,
        checkpoint: str,
        *,
        query_maxlen: int | None = None,
        doc_maxlen: int | None = None,
        device: Device = "cpu",
        precision: Precision = "auto",
        batch_size: int = 32,
    ) -> None:
        self.checkpoint = checkpoint
        self._batch_size = batch_size
        self._budget = batch_size * TYPICAL_TOKENS
        self._device = device
        self._precision = precision
        self._query_maxlen = query_maxlen
        self._doc_maxlen = doc_maxlen
        self._model: Any = None

    def load(self, cache: Cache | None = None) -> None:
        """Read weights, tokenizer and settings; a second call does nothing.

        Args:
            cache: where embedded checkpoints are built; default: the user's cache.

        Raises:
            CheckpointError: there is no projection, or a tensor is missing or of another shape.
            EnvironmentProblem: a hub checkpoint cannot be reached.
        """
        if self._model is not None:
            return
        folder = resolve_checkpoint(self.checkpoint, cache)
        projection = read_tensor(folder, "linear.weight")
        if projection is None:
            raise CheckpointError(
                "no ColBERT projection 'linear.weight' in the weights",
                where=self.checkpoint,
                cure="name a checkpoint in colbert-ai's format, such as colbert-ir/colbertv2.0",
            )
        settings = read_settings(folder)
        self.settings: LateInteractionSettings = replace(
            settings,
            query_maxlen=self._query_maxlen or settings.query_maxlen,
            doc_maxlen=self._doc_maxlen or settings.doc_maxlen,
        )
        self._tokenizer = load_tokenizer(folder, self.checkpoint)
        model = load_model("AutoModel", folder, self.checkpoint)
        self._check(projection, model)
        self.device, self.dtype = device_and_dtype(self._device, self._precision)
        self._projection: Tensor = projection.to(self.device, self.dtype)
        self._model = model.to(self.device, self.dtype)
        #: SHA-256 of the checkpoint's files; overridden lengths are not in it.
        self.fingerprint = checkpoint_fingerprint(folder)
        self.dim = int(projection.shape[0])
        self.hidden = int(projection.shape[1])
        self.parameters = parameter_count(model) + projection.numel()
        ids = self._tokenizer.convert_tokens_to_ids
        self._query_marker = int(ids(self.settings.query_token_id))
        self._doc_marker = int(ids(self.settings.doc_token_id))
        self._skipped = {self._tokenizer.pad_token_id}
        if self.settings.mask_punctuation:
            # As in colbert-ai: the first word piece of each symbol.
            for symbol in string.punctuation:
                pieces = self._tokenizer.encode(symbol, add_special_tokens=False)
                self._skipped.update(pieces[:1])

    @property
    def config(self) -> Any:
        """The Hugging Face configuration of the encoder, for cost formulas."""
        return self._model.config

    def identity(self) -> dict[str, object]:
        """What decides the vectors of passages, for cache keys."""
        self.load()
        return {
            "checkpoint": self.fingerprint,
            "doc_maxlen": self.settings.doc_maxlen,
            "dtype": str(self.dtype),
            **device_identity(self.device),
        }

    def facts(self) -> dict[str, str]:
        """Device, number format and shapes, for reports."""
        return {
            **device_facts(self.device, self.dtype),
            "dim": str(self.dim),
            "query tokens": str(self.settings.query_maxlen),
            "passage tokens (at most)": str(self.settings.doc_maxlen),
            "similarity": self.settings.similarity,
        }

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of questions: float32 [n, query_maxlen, dim], unit rows."""
        import torch

        self.load()
        settings = self.settings
        out = np.empty((len(texts), settings.query_maxlen, self.dim), dtype=np.float32)
        for start in range(0, len(texts), self._batch_size):
            ids, mask = self._query_inputs(texts[start : start + self._batch_size])
            out[start : start + len(ids)] = self._forward(torch.tensor(ids), torch.tensor(mask))
        return out

    def encode_passages(self, texts: Sequence[str], desc: str = "") -> Shard:
        """Vectors of passage tokens without punctuation, packed in the order of ``texts``."""
        import torch

        self.load()
        ids, truncated = self._passage_ids(texts)
        passages: list[np.ndarray] = [np.empty((0, self.dim), np.float32)] * len(ids)
        batches = list(token_batches([len(row) for row in ids], self._budget))
        kept = KeptBatches(batches, lambda batch: [passages[i] for i in batch])
        for batch, finished in kept.finished:
            for i, vectors in zip(batch, finished, strict=True):
                passages[i] = vectors
        steps = kept.remaining
        for batch in progress(steps, desc, len(steps), unit="batch") if desc else steps:
            rows, mask = padded([ids[i] for i in batch], self._tokenizer.pad_token_id)
            vectors = self._forward(torch.from_numpy(rows), torch.from_numpy(mask))
            for row, i in enumerate(batch):
                passages[i] = vectors[row, : len(ids[i])][self._keeps(ids[i])]
            kept.done(batch)
        packed = np.concatenate(passages) if passages else np.empty((0, self.dim), np.float32)
        return Shard(packed, np.array([len(v) for v in passages], dtype=np.int64), truncated)

    def query_tokens(self, text: str) -> list[str]:
        """The word pieces of the rows of `encode_queries`."""
        self.load()
        ids, _ = self._query_inputs([text])
        return list(self._tokenizer.convert_ids_to_tokens(ids[0]))

    def passage_tokens(self, text: str) -> list[str]:
        """The word pieces of the rows of `encode_passages`."""
        self.load()
        (ids,), _ = self._passage_ids([text])
        encoded = [i for i, keep in zip(ids, self._keeps(ids), strict=True) if keep]
        return list(self._tokenizer.convert_ids_to_tokens(encoded))

    def passage_spans(self, text: str) -> list[tuple[int, int]]:
        """Character offsets of `passage_tokens`, end exclusive; those of markers are empty."""
        self.load()
        (ids,), _ = self._passage_ids([text])
        first, *others = self._passages([text]).encodings[0].offsets
        spans = [first, (0, 0), *others]
        return [span for span, keep in zip(spans, self._keeps(ids), strict=True) if keep]

    def close(self) -> None:
        """Free the weights; the next call loads them again."""
        self._model = None

    def _keeps(self, ids: Sequence[int]) -> np.ndarray:
        return np.array([i not in self._skipped for i in ids])

    def _query_inputs(self, texts: Sequence[str]) -> tuple[list[list[int]], list[list[int]]]:
        tok = self._tokenizer
        max_length = self.settings.query_maxlen
        rows = tok(list(texts), truncation=True, max_length=max_length - 1)["input_ids"]
        ids, masks = [], []
        for pieces in rows:
            marked = [pieces[0], self._query_marker, *pieces[1:]]
            fill = max_length - len(marked)
            ids.append([*marked, *[tok.mask_token_id] * fill])
            attended = int(self.settings.attend_to_mask_tokens)
            masks.append([1] * len(marked) + [attended] * fill)
        return ids, masks

    def _passage_ids(self, texts: Sequence[str]) -> tuple[list[list[int]], int]:
        """Token ids with the marker, and how many texts were truncated."""
        if not texts:
            return [], 0
        encodings = self._passages(texts)
        truncated = sum(bool(encoding.overflowing) for encoding in encodings.encodings)
        ids = [[pieces[0], self._doc_marker, *pieces[1:]] for pieces in encodings["input_ids"]]
        return ids, truncated

    def _passages(self, texts: Sequence[str]) -> Any:
        """The tokenizer's encodings, one token shorter than the limit for the marker."""
        max_length = self.settings.doc_maxlen - 1
        return self._tokenizer(list(texts), truncation=True, max_length=max_length)

    def _forward(self, ids: Tensor, mask: Tensor) -> np.ndarray:
        import torch

        with torch.inference_mode():
            hidden = self._model(
                input_ids=ids.to(self.device), attention_mask=mask.to(self.device)
            ).last_hidden_state
            vectors = torch.nn.functional.linear(hidden, self._projection)
            unit = torch.nn.functional.normalize(vectors.float(), dim=-1)
        return np.asarray(unit.cpu().numpy())

    def _check(self, projection: Tensor, model: Any) -> None:
        hidden = int(model.config.hidden_size)
        if projection.ndim != 2 or projection.shape[1] != hidden:
            raise CheckpointError(
                f"linear.weight has shape {list(projection.shape)}, the encoder is {hidden} wide",
                where=self.checkpoint,
                cure="fetch the checkpoint again",
            )
        positions = position_limit(model.config)
        for name in ("query_maxlen", "doc_maxlen"):
            length = getattr(self.settings, name)
            if not 4 <= length <= positions:
                raise CheckpointError(
                    f"{name} is {length}, the encoder takes 4 to {positions} tokens",
                    where=self.checkpoint,
                    cure=f"set {name}",
                )
