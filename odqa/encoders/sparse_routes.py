"""The two ways from a text to a sparse vector: a masked language model, or static weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.checkpoints.load import (
    UNLIMITED,
    load_model,
    load_tokenizer,
    parameter_count,
    position_limit,
    tokenizer_limit,
)
from odqa.checkpoints.sparse_settings import SparseRoute
from odqa.checkpoints.weights import read_tensor
from odqa.encoders.batches import padded
from odqa.encoders.flops import encoder_gflop, linear_gflop
from odqa.encoders.splade_pooling import splade_pooled
from odqa.encoders.tokens import TextTokens, Tokens
from odqa.errors import CheckpointError

if TYPE_CHECKING:
    import torch


class MlmRoute:
    """A masked language model, whose pooled token logits are the vector.

    Args:
        route: what the checkpoint says.
        name: the user's name for the checkpoint, for messages.
        max_length: tokens per text, markers included; `None`: as the checkpoint says.
        device, dtype: where the model runs, and its number format.

    Raises:
        CheckpointError: no masked language model, or ``max_length`` above its limit.
    """

    def __init__(
        self,
        route: SparseRoute,
        name: str,
        max_length: int | None,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._route, self._device = route, device
        model = load_model("AutoModelForMaskedLM", route.folder, name)
        tokenizer = load_tokenizer(route.folder, name, lower_case=route.lower_case)
        limit = position_limit(model.config)
        if max_length is not None and max_length > limit:
            raise CheckpointError(
                f"max_length is {max_length}, the encoder takes at most {limit} tokens",
                where=name,
                cure=f"set max_length to {limit} or less",
            )
        own = route.max_length or tokenizer_limit(tokenizer, name) or UNLIMITED
        self.tokens = TextTokens(tokenizer, min(max_length or own, limit))
        self.max_length = self.tokens.max_length
        self.config: Any = model.config
        self.vocabulary = int(model.config.vocab_size)
        self.parameters = parameter_count(model)
        self._model: Any = model.to(device, dtype)

    def tokenise(self, texts: Sequence[str]) -> Tokens:
        """Token ids with markers."""
        return self.tokens(texts)

    def weights(self, ids: Sequence[Sequence[int]]) -> np.ndarray:
        """float32 [texts, vocabulary]; most of it is 0."""
        import torch

        rows, real = padded(ids, self.tokens.pad)
        inputs = {"input_ids": rows, "attention_mask": real}
        if (types := self.tokens.types(rows, real)) is not None:
            inputs["token_type_ids"] = types
        on_device = {key: torch.from_numpy(a).to(self._device) for key, a in inputs.items()}
        with torch.inference_mode():
            logits = self._model(**on_device, return_dict=True).logits
            pooled = splade_pooled(
                logits, on_device["attention_mask"], self._route.pooling, self._route.activation
            )
        return np.asarray(pooled.cpu().numpy())

    def word(self, term: int) -> str:
        """The word piece of a term."""
        return self.tokens.piece(term)

    def gflop(self, tokens: int) -> float | None:
        """GFLOP of a text of so many tokens: the encoder, and the head's two matrices."""
        encoder = encoder_gflop(self.config, tokens)
        if encoder is None:
            return None
        width = int(self.config.hidden_size)
        head = linear_gflop(tokens, width, width) + linear_gflop(tokens, width, self.vocabulary)
        return encoder + head


class StaticRoute:
    """One weight for each token of the vocabulary: a text has those of its tokens, each once.

    sentence-transformers' ``SparseStaticEmbedding``, of questions that cost no model
    (Geng et al. 2024, inference-free sparse retrieval).

    Args:
        route: what the checkpoint says.
        name: the user's name for the checkpoint, for messages.
        max_length: tokens per text; `None`: as its tokenizer says.

    Raises:
        CheckpointError: no tokenizer, or not one weight per token.
    """

    def __init__(self, route: SparseRoute, name: str, max_length: int | None) -> None:
        self._tokenizer = load_tokenizer(route.folder, name, lower_case=route.lower_case)
        weight = read_tensor(route.folder, "weight")
        if weight is None or weight.ndim != 1:
            raise CheckpointError(
                "its static weights are not one number for each token",
                where=name,
                cure="fetch the checkpoint again",
            )
        self._weight = weight.float().numpy()
        self.max_length = max_length or tokenizer_limit(self._tokenizer, name) or UNLIMITED
        self.vocabulary = len(self._weight)
        self.parameters = len(self._weight)
        if self.vocabulary < max(self._tokenizer.get_vocab().values(), default=0) + 1:
            raise CheckpointError(
                f"its static weights are {self.vocabulary}, fewer than its tokenizer has tokens",
                where=name,
                cure="fetch the checkpoint again",
            )

    def tokenise(self, texts: Sequence[str]) -> Tokens:
        """Token ids without markers."""
        if not texts:
            return Tokens([])
        batch = self._tokenizer(
            list(texts), add_special_tokens=False, truncation=True, max_length=self.max_length
        )
        cut = sum(bool(encoding.overflowing) for encoding in batch.encodings)
        return Tokens(batch["input_ids"], cut)

    def weights(self, ids: Sequence[Sequence[int]]) -> np.ndarray:
        """float32 [texts, vocabulary]; most of it is 0."""
        out = np.zeros((len(ids), self.vocabulary), np.float32)
        for row, tokens in zip(out, ids, strict=True):
            row[tokens] = self._weight[tokens]
        return out

    def word(self, term: int) -> str:
        """The word piece of a term."""
        return str(self._tokenizer.convert_ids_to_tokens(term))

    def gflop(self, tokens: int) -> float:
        """0: nothing is multiplied."""
        return 0.0
