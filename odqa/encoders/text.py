"""A Hugging Face encoder that gives one vector per text.

Loads sentence-transformers folders (with everything that their settings ask for), plain BERT-like
checkpoints and DPR's (``DPRQuestionEncoder``, ``DPRContextEncoder``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from odqa.checkpoints.fingerprint import checkpoint_fingerprint
from odqa.checkpoints.folder import transformer_folder
from odqa.checkpoints.kinds import check_pooler, check_text_encoder, load_text_model
from odqa.checkpoints.layers import widths
from odqa.checkpoints.load import (
    UNLIMITED,
    load_tokenizer,
    parameter_count,
    position_limit,
    tokenizer_limit,
)
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.checkpoints.sentence_settings import (
    Pooling,
    SentenceSettings,
    encoder_settings,
    read_sentence_settings,
)
from odqa.devices import device_and_dtype, device_facts, device_identity
from odqa.encoders.batches import TYPICAL_TOKENS, padded, texts_at_once, token_batches
from odqa.encoders.finite import check_finite
from odqa.encoders.flops import encoder_gflop, layers_gflop
from odqa.encoders.kept_batches import KeptBatches
from odqa.encoders.sharded import Shard
from odqa.encoders.tokens import TextTokens, Tokens
from odqa.errors import CheckpointError
from odqa.interfaces import Device, Precision
from odqa.progress import progress

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from odqa.cache import Cache

_DEFAULT_MAX_LENGTH = 256


Family = Literal["sentence-transformers", "dpr-question", "dpr-passage", "plain"]


class TextEncoder:
    """Text -> vector.

    Args:
        checkpoint: local folder, ``embedded:NAME`` or hub id.
        pooling: ``auto`` takes the checkpoint's setting, or without one ``plain_pooling``.
        normalize: to unit length; `None` takes the checkpoint's setting, or without one normalises
            mean-pooled vectors only.
        max_length: tokens per text, markers included; `None` takes the checkpoint's setting, or
            without one the tokenizer's limit, as far as the model goes.
        device: where it runs.
        precision: number format; auto is fp32 on the CPU, bf16 on a GPU.
        batch_size: texts of 128 tokens per forward pass, of shorter texts it takes more; `None`
            takes what suits the device.
        plain_pooling: for ``auto``, of a checkpoint without settings of its own.
    """

    def __init__(
        self,
        checkpoint: str,
        *,
        pooling: Pooling = "mean",
        normalize: bool | None = True,
        max_length: int | None = _DEFAULT_MAX_LENGTH,
        device: Device = "cpu",
        precision: Precision = "auto",
        batch_size: int | None = None,
        plain_pooling: Pooling = "mean",
    ) -> None:
        self.checkpoint = checkpoint
        self._options = (pooling, normalize, max_length, plain_pooling)
        self._device = device
        self._precision = precision
        self._batch_size = batch_size
        self._model: Any = None
        #: Texts cut off at ``max_length`` by `encode` since the encoder was loaded.
        self.truncated = 0

    def load(self, cache: Cache | None = None) -> None:
        """Read weights, tokenizer and settings; a second call does nothing.

        Args:
            cache: where embedded checkpoints are built.

        Raises:
            CheckpointError: not a text encoder, incomplete, or ``max_length`` above its limit.
            EnvironmentProblem: a hub checkpoint cannot be reached, or there is no GPU.
        """
        from odqa.encoders.layers import load_layers

        if self._model is not None:
            return
        folder = resolve_checkpoint(self.checkpoint, cache)
        check_text_encoder(folder, self.checkpoint)
        text_settings = encoder_settings(folder)
        # Before the weights are read: a wrong setting is told at once.
        settings = read_sentence_settings(folder, self.checkpoint)
        model = load_text_model(folder, self.checkpoint)
        self.settings = self._settle(folder, model, settings)
        self.position_limit = limit = position_limit(model.config)
        tokenizer = load_tokenizer(
            transformer_folder(folder), self.checkpoint, lower_case=text_settings.lower_case
        )
        own_limit = tokenizer_limit(tokenizer, self.checkpoint)
        longest = self.settings.max_length or own_limit or UNLIMITED
        if self._options[2] is not None and self._options[2] > limit:
            raise CheckpointError(
                f"max_length is {self._options[2]}, the encoder takes at most {limit} tokens",
                where=self.checkpoint,
                cure=f"set max_length to {limit} or less",
            )
        self.tokens = TextTokens(tokenizer, min(longest, limit))
        self.device, self.dtype = device_and_dtype(self._device, self._precision)
        self._budget = TYPICAL_TOKENS * texts_at_once(self._batch_size, self.device)
        self.fingerprint = checkpoint_fingerprint(folder)
        self.config = model.config
        self.dim = self._dim()
        self._layers = load_layers(self.settings.layers, self.device)
        self.parameters = parameter_count(model) + parameter_count(self._layers)
        self.truncated = 0
        self._model = model.to(self.device, self.dtype)

    def encode(self, texts: Sequence[str], desc: str = "", *, prompt: str = "") -> np.ndarray:
        """Vectors of texts: float32 [n, dim], in their order.

        Args:
            texts: what to encode.
            desc: label of the progress bar; none without a label.
            prompt: put before every text.
        """
        tokens = self.tokenise(texts, prompt)
        self.truncated += tokens.truncated
        return self.encode_tokens(tokens, desc)

    def tokenise(self, texts: Sequence[str], prompt: str = "") -> Tokens:
        """Tokens of texts with a prompt before them, for `encode_tokens`."""
        self.load()
        tokens = self.tokens([prompt + text for text in texts])
        if self.settings.pools_prompt:
            return tokens
        return replace(tokens, prompt=self.tokens.prompt_length(prompt))

    def encode_tokens(self, tokens: Tokens, desc: str = "") -> np.ndarray:
        """Vectors of tokenised texts: float32 [n, dim], in their order."""
        import torch

        self.load()
        ids = tokens.ids
        # Collected on the device: a GPU would wait for each copy of a batch to the host.
        out = torch.empty((len(ids), self.dim), dtype=torch.float32, device=self.device)
        batches = list(token_batches([len(row) for row in ids], self._budget))
        kept = KeptBatches(batches, lambda batch: list(out[batch].cpu().numpy()))
        for batch, vectors in kept.finished:
            out[batch] = torch.from_numpy(np.concatenate(vectors)).to(self.device)
        steps: Iterator[list[int]] | list[list[int]] = kept.remaining
        if desc:
            steps = progress(kept.remaining, desc, len(kept.remaining), unit="batch")
        with torch.inference_mode():
            for batch in steps:
                out[batch] = self._forward([ids[i] for i in batch], tokens.prompt)
                kept.done(batch)
        return np.asarray(out.cpu().numpy())

    def encode_passages(self, tokens: Tokens, ids: Sequence[str], desc: str = "") -> Shard:
        """One vector for each tokenised passage; ``ids`` are those of the passages.

        Raises:
            CheckpointError: a vector has NaN or infinity.
        """
        vectors = self.encode_tokens(tokens, desc)
        self.check_finite(vectors, ids, "passage")
        return Shard(vectors, np.ones(len(ids), np.int64), tokens.truncated)

    def check_finite(
        self,
        vectors: np.ndarray,
        ids: Sequence[str],
        kind: str,
        counts: np.ndarray | None = None,
    ) -> None:
        """Refuse vectors with NaN or infinity; see `odqa.encoders.finite`."""
        check_finite(vectors, ids, kind, self.checkpoint, self.dtype, counts)

    def gflop(self, text: str) -> float | None:
        """GFLOP of encoding one text, padding left out; `None` where no formula is known."""
        self.load()
        encoder = encoder_gflop(self.config, len(self.tokens([text]).ids[0]))
        return None if encoder is None else encoder + layers_gflop(self.settings.layers, 1)

    def identity(self) -> dict[str, object]:
        """What decides the vectors, for cache keys: weights, settings and number format."""
        self.load()
        return {
            "checkpoint": self.fingerprint,
            "pooling": self.settings.pooling,
            "normalize": self.settings.normalize,
            "max_length": self.tokens.max_length,
            "dtype": str(self.dtype),
            **device_identity(self.device),
        }

    def facts(self) -> dict[str, str]:
        """Device, number format, width and pooling, for reports."""
        return {
            **device_facts(self.device, self.dtype),
            "dim": str(self.dim),
            "pooling": self.settings.pooling,
            "text tokens (at most)": str(self.tokens.max_length),
        }

    def close(self) -> None:
        """Free the weights; the next call loads them again."""
        self._model = None

    def _forward(self, ids: Sequence[Sequence[int]], prompt: int = 0) -> torch.Tensor:
        import torch

        from odqa.encoders.pooling import pooled

        rows, real = padded(ids, self.tokens.pad)
        inputs = {"input_ids": rows, "attention_mask": real}
        # BERT's are 0 for single texts, which is its default; DPR uses none for pairs either.
        if (types := self.tokens.types(rows, real)) is not None:
            inputs["token_type_ids"] = types
        on_device = {name: torch.from_numpy(a).to(self.device) for name, a in inputs.items()}
        output = self._model(**on_device, return_dict=True)
        mask = on_device["attention_mask"]
        if prompt:
            mask = mask.clone()
            mask[:, :prompt] = 0
        vectors = self._layers(pooled(output, mask, self.settings.pooling))
        vectors = vectors[:, : self.settings.truncate_dim]
        if not self.settings.normalize:
            return vectors  # type: ignore[no-any-return]
        return torch.nn.functional.normalize(vectors, dim=-1)

    def _dim(self) -> int:
        """Width of the vectors."""
        settings = self.settings
        width = int(getattr(self.config, "projection_dim", 0) or self.config.hidden_size)
        pooled_width = width * len(settings.pooling.split("+"))
        dim = widths(settings.layers, pooled_width, self.checkpoint)
        return min(dim, settings.truncate_dim or dim)

    def _settle(
        self, folder: Path, model: Any, settings: SentenceSettings | None
    ) -> SentenceSettings:
        """The user's parameters, completed by the checkpoint's settings."""
        pooling, normalize, max_length, plain_pooling = self._options
        model_type = str(model.config.model_type)
        #: The library or model family whose conventions the checkpoint follows.
        self.family: Family = "sentence-transformers"
        if settings is None and model_type == "dpr":
            is_passage = type(model).__name__ == "DPRContextEncoder"
            self.family = "dpr-passage" if is_passage else "dpr-question"
            settings = SentenceSettings("pooler", normalize=False)
        elif settings is None:
            self.family = "plain"
            settings = SentenceSettings(plain_pooling, normalize=plain_pooling == "mean")
        chosen_pooling = settings.pooling if pooling == "auto" else pooling
        if model_type == "dpr" and chosen_pooling != "pooler":
            raise CheckpointError(
                f"pooling '{chosen_pooling}' does not fit a DPR checkpoint",
                where=self.checkpoint,
                cure="set pooling to auto",
            )
        if chosen_pooling == "pooler":
            check_pooler(folder, model_type, self.checkpoint)
        return replace(
            settings,
            pooling=chosen_pooling,
            normalize=settings.normalize if normalize is None else normalize,
            max_length=max_length or settings.max_length,
        )
