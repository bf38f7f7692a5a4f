"""ColBERT encoder: one vector per token, for checkpoints in colbert-ai's format or PyLate's.

A checkpoint is a Hugging Face encoder (usually BERT) plus ``linear.weight`` [dim, hidden] without
bias, and ``artifact.metadata``; or plus modules ``Dense``. Questions get a marker and are filled
with [MASK] tokens to a fixed length (query augmentation); passages get a marker and lose their
punctuation (Khattab and Zaharia 2020, ColBERT, section 3.2). Only transformers is used: no
colbert-ai, no PyLate, no C++ extension.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from odqa.checkpoints.fingerprint import checkpoint_fingerprint
from odqa.checkpoints.folder import transformer_folder
from odqa.checkpoints.late_interaction_settings import (
    LateInteractionSettings,
    read_pylate_settings,
    read_settings,
)
from odqa.checkpoints.layers import widths
from odqa.checkpoints.load import (
    load_model,
    load_tokenizer,
    parameter_count,
    position_limit,
)
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.checkpoints.weights import read_tensor
from odqa.devices import device_and_dtype, device_facts, device_identity
from odqa.encoders.batches import TYPICAL_TOKENS, padded, token_batches
from odqa.encoders.finite import check_finite
from odqa.encoders.flops import encoder_gflop, layers_gflop, linear_gflop
from odqa.encoders.kept_batches import KeptBatches
from odqa.encoders.long_texts import beginnings
from odqa.encoders.sharded import Shard
from odqa.errors import CheckpointError
from odqa.interfaces import Device, Precision
from odqa.progress import progress
from odqa.threads import BUILDING_MODELS

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from odqa.cache import Cache
    from odqa.encoders.late_interaction_config import LateInteractionConfig


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

    @classmethod
    def loaded(cls, config: LateInteractionConfig, cache: Cache) -> Self:
        """The encoder that a stage's keys name; raises what `load` raises."""
        encoder = cls(
            config.checkpoint,
            query_maxlen=config.query_maxlen,
            doc_maxlen=config.doc_maxlen,
            device=config.device,
            precision=config.precision,
            batch_size=config.batch_size,
        )
        encoder.load(cache)
        return encoder

    def load(self, cache: Cache | None = None) -> None:
        """Read weights, tokenizer and settings; a second call does nothing.

        Args:
            cache: where embedded checkpoints are built; default: the user's cache.

        Raises:
            CheckpointError: there is no projection, a tensor is missing or of another shape, or a
                setting is not one that odqa computes.
            EnvironmentProblem: a hub checkpoint cannot be reached.
        """
        if self._model is not None:
            return
        folder = resolve_checkpoint(self.checkpoint, cache)
        model_folder = transformer_folder(folder)
        linear = read_tensor(model_folder, "linear.weight")
        settings = read_settings(folder) if linear is not None else read_pylate_settings(folder)
        if settings is None:
            raise CheckpointError(
                "no ColBERT projection 'linear.weight' in the weights, and no module Dense",
                where=self.checkpoint,
                cure="name a checkpoint in colbert-ai's or PyLate's format, such as "
                "colbert-ir/colbertv2.0",
            )
        self.settings: LateInteractionSettings = replace(
            settings,
            query_maxlen=self._query_maxlen or settings.query_maxlen,
            doc_maxlen=self._doc_maxlen or settings.doc_maxlen,
        )
        self._tokenizer = load_tokenizer(
            model_folder, self.checkpoint, lower_case=settings.lower_case
        )
        model = load_model("AutoModel", model_folder, self.checkpoint)
        self.hidden = int(model.config.hidden_size)
        self.dim = self._check(linear, model)
        self._read_tokens()
        self.device, self.dtype = device_and_dtype(self._device, self._precision)
        self._project = self._projection(linear).to(self.device, self.dtype)
        self._model = model.to(self.device, self.dtype)
        #: SHA-256 of the checkpoint's files; overridden lengths are not in it.
        self.fingerprint = checkpoint_fingerprint(folder)
        self.parameters = parameter_count(model) + parameter_count(self._project)

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
        """Vectors of questions: float32 [n, query_maxlen, dim], unit rows.

        Rows behind the last token of a question that is not filled with [MASK] are 0: they add
        nothing to a sum of cosines.
        """
        import torch

        self.load()
        settings = self.settings
        out = np.zeros((len(texts), settings.query_maxlen, self.dim), dtype=np.float32)
        for start in range(0, len(texts), self._batch_size):
            ids, mask = self._query_inputs(texts[start : start + self._batch_size])
            rows, real = padded(ids, self._fill)
            real[:] = padded(mask, 0)[0]
            vectors = self._forward(torch.from_numpy(rows), torch.from_numpy(real))
            for row, length in enumerate(map(len, ids)):
                out[start + row, :length] = vectors[row, :length]
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
            rows, mask = padded([ids[i] for i in batch], self._tokenizer.pad_token_id or 0)
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
        spans = [first, *([] if self._doc_marker is None else [(0, 0)]), *others]
        return [span for span, keep in zip(spans, self._keeps(ids), strict=True) if keep]

    def gflop(self, tokens: int) -> float | None:
        """GFLOP of encoding a text of so many tokens; `None` where no formula is known."""
        encoder = encoder_gflop(self._model.config, tokens)
        if encoder is None:
            return None
        if self.settings.layers:
            return encoder + layers_gflop(self.settings.layers, tokens)
        return encoder + linear_gflop(tokens, self.hidden, self.dim)

    def check_finite(
        self, vectors: np.ndarray, ids: Sequence[str], kind: str, counts: np.ndarray | None = None
    ) -> None:
        """Refuse vectors with NaN or infinity; see `odqa.encoders.finite`."""
        check_finite(vectors, ids, kind, self.checkpoint, self.dtype, counts)

    def close(self) -> None:
        """Free the weights; the next call loads them again."""
        self._model = None

    def _keeps(self, ids: Sequence[int]) -> np.ndarray:
        return np.array([i not in self._skipped for i in ids])

    def _query_inputs(self, texts: Sequence[str]) -> tuple[list[list[int]], list[list[int]]]:
        settings = self.settings
        max_length = settings.query_maxlen - (self._query_marker is not None)
        rows = self._tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"]
        ids, masks = [], []
        for pieces in rows:
            marked = _marked(pieces, self._query_marker)
            fill = settings.query_maxlen - len(marked) if settings.expands else 0
            ids.append([*marked, *[self._fill] * fill])
            masks.append([1] * len(marked) + [int(settings.attend_to_mask_tokens)] * fill)
        return ids, masks

    def _passage_ids(self, texts: Sequence[str]) -> tuple[list[list[int]], int]:
        """Token ids with the marker, and how many texts were truncated."""
        if not texts:
            return [], 0
        encodings = self._passages(texts)
        truncated = sum(bool(encoding.overflowing) for encoding in encodings.encodings)
        ids = [_marked(pieces, self._doc_marker) for pieces in encodings["input_ids"]]
        return ids, truncated

    def _passages(self, texts: Sequence[str]) -> Any:
        """The tokenizer's encodings, one token shorter than the limit for the marker."""
        max_length = self.settings.doc_maxlen - (self._doc_marker is not None)
        parts = beginnings(self._tokenizer, texts, max_length)
        return self._tokenizer(parts, truncation=True, max_length=max_length)

    def _forward(self, ids: Tensor, mask: Tensor) -> np.ndarray:
        import torch

        with torch.inference_mode():
            hidden = self._model(
                input_ids=ids.to(self.device),
                attention_mask=mask.to(self.device),
                return_dict=True,
            ).last_hidden_state
            unit = torch.nn.functional.normalize(self._project(hidden).float(), dim=-1)
        return np.asarray(unit.cpu().numpy())

    def _projection(self, linear: Tensor | None) -> Module:
        """From the encoder's states to token vectors, before they are brought to unit length."""
        from torch import nn

        from odqa.encoders.layers import load_layers

        if linear is None:
            return load_layers(self.settings.layers, self.device)
        with BUILDING_MODELS:
            projection = nn.Linear(self.hidden, self.dim, bias=False)
            projection.weight = nn.Parameter(linear, requires_grad=False)
        return projection

    def _read_tokens(self) -> None:
        """Ids of markers, of the token that fills questions, and of those that passages lose."""
        tok, settings = self._tokenizer, self.settings
        ids = tok.convert_tokens_to_ids
        pylate = settings.format == "PyLate"
        self._query_marker = self._marker("query", settings.query_token_id)
        self._doc_marker = self._marker("passage", settings.doc_token_id)
        fill = tok.mask_token_id
        if fill is None and pylate:
            fill = tok.eos_token_id if tok.eos_token_id is not None else tok.pad_token_id
        if fill is None:
            raise CheckpointError(
                "its tokenizer has no mask token, which fills questions",
                where=self.checkpoint,
                cure="name it in special_tokens_map.json",
            )
        self._fill = int(fill)
        self._skipped = set() if pylate else {tok.pad_token_id}
        if settings.skipped is not None:
            # As PyLate does it: whole tokens of the vocabulary.
            self._skipped.update(ids(word) for word in settings.skipped)
        elif settings.mask_punctuation:
            # As in colbert-ai: the first word piece of each symbol.
            for symbol in string.punctuation:
                pieces = tok.encode(symbol, add_special_tokens=False)
                self._skipped.update(pieces[:1])

    def _marker(self, kind: str, token: str) -> int | None:
        """The id of a marker; `None` where there is none."""
        if not token:
            return None
        tok = self._tokenizer
        marker = tok.convert_tokens_to_ids(token)
        is_unknown = marker == tok.unk_token_id and token != tok.unk_token
        # colbert-ai takes the unknown token then; PyLate makes a new one, of random numbers.
        if marker is None or (is_unknown and self.settings.format == "PyLate"):
            raise CheckpointError(
                f"its tokenizer has no token '{token[:80]}', which marks a {kind}",
                where=self.checkpoint,
                cure="fetch the checkpoint again",
            )
        return int(marker)

    def _check(self, linear: Tensor | None, model: Any) -> int:
        """The width of token vectors, once all sizes fit each other."""
        hidden, settings = self.hidden, self.settings
        if linear is not None and (linear.ndim != 2 or linear.shape[1] != hidden):
            raise CheckpointError(
                f"linear.weight has shape {list(linear.shape)}, the encoder is {hidden} wide",
                where=self.checkpoint,
                cure="fetch the checkpoint again",
            )
        positions = position_limit(model.config)
        for name in ("query_maxlen", "doc_maxlen"):
            length = getattr(settings, name)
            if not 4 <= length <= positions:
                raise CheckpointError(
                    f"{name} is {length}, the encoder takes 4 to {positions} tokens",
                    where=self.checkpoint,
                    cure=f"set {name}",
                )
        if linear is None:
            return widths(settings.layers, hidden, self.checkpoint)
        dim = int(linear.shape[0])
        if settings.dim not in (None, dim):
            raise CheckpointError(
                f"dim is {settings.dim}, its linear.weight makes {dim} wide vectors",
                where=self.checkpoint,
                cure="fetch the checkpoint again",
            )
        return dim


def _marked(pieces: Sequence[int], marker: int | None) -> list[int]:
    """Token ids with a marker behind the first one."""
    return list(pieces) if marker is None else [*pieces[:1], marker, *pieces[1:]]
