"""A learned sparse encoder: text -> weights of some words of a vocabulary.

Loads SPLADE checkpoints (any masked language model) and sentence-transformers' ``SparseEncoder``
folders, with separate ways for questions and passages where these have them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from odqa.checkpoints.fingerprint import checkpoint_fingerprint
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.checkpoints.sparse_settings import SparseRoute, SparseSettings, read_sparse_settings
from odqa.devices import device_and_dtype, device_facts, device_identity
from odqa.encoders.batches import TYPICAL_TOKENS, token_batches
from odqa.encoders.finite import check_finite
from odqa.encoders.kept_batches import KeptBatches
from odqa.encoders.sharded import Shard
from odqa.encoders.sparse_routes import MlmRoute, StaticRoute
from odqa.encoders.splade_pooling import sparse_rows
from odqa.errors import CheckpointError
from odqa.interfaces import Device, Precision
from odqa.progress import progress

if TYPE_CHECKING:
    from odqa.cache import Cache

# Texts of 128 tokens per forward pass: their logits over a vocabulary of 30,000 take 125 MB.
_ON_CPU, _ON_GPU = 8, 32

#: float32 [terms, 2]: term and weight, by rising term.
SparseVector = np.ndarray


class SparseTextEncoder:
    """Text -> sparse vector; questions and passages may go different ways.

    Args:
        checkpoint: local folder, ``embedded:NAME`` or hub id.
        max_length: tokens per text, markers included; `None` takes the checkpoint's setting, or
            without one the tokenizer's limit, as far as the model goes.
        query_terms, passage_terms: keep at most so many terms, those with the largest weights.
        device: where it runs.
        precision: number format; auto is fp32 on the CPU, bf16 on a GPU.
        batch_size: texts of 128 tokens per forward pass; `None` takes what suits the device.
    """

    def __init__(
        self,
        checkpoint: str,
        *,
        max_length: int | None = None,
        query_terms: int | None = None,
        passage_terms: int | None = None,
        device: Device = "cpu",
        precision: Precision = "auto",
        batch_size: int | None = None,
    ) -> None:
        self.checkpoint = checkpoint
        self._max_length = max_length
        self._terms = (query_terms, passage_terms)
        self._device: Device = device
        self._precision: Precision = precision
        self._batch_size = batch_size
        #: Questions encoded since loading, their terms, and how many of them were cut off.
        self.questions, self.question_terms, self.questions_cut = 0, 0, 0

    def load(self, cache: Cache | None = None) -> None:
        """Read settings, weights and tokenizers.

        Args:
            cache: where embedded checkpoints are built.

        Raises:
            CheckpointError: no masked language model, an incomplete one, a setting that odqa does
                not compute, or ``max_length`` above the model's limit.
            EnvironmentProblem: a hub checkpoint cannot be reached, or there is no GPU.
        """
        folder = resolve_checkpoint(self.checkpoint, cache)
        # Before the weights are read: a wrong setting is told at once.
        self.settings: SparseSettings = read_sparse_settings(folder, self.checkpoint)
        self.device, self.dtype = device_and_dtype(self._device, self._precision)
        on_device = _ON_CPU if self.device.type == "cpu" else _ON_GPU
        self._budget = TYPICAL_TOKENS * (self._batch_size or on_device)
        self.fingerprint = checkpoint_fingerprint(folder)
        self._passages = self._open(self.settings.passage)
        is_shared = self.settings.query == self.settings.passage
        self._questions = self._passages if is_shared else self._open(self.settings.query)
        if self._questions.vocabulary != self._passages.vocabulary:
            raise CheckpointError(
                f"gives questions {self._questions.vocabulary} terms and passages "
                f"{self._passages.vocabulary}",
                where=self.checkpoint,
                cure="fetch the checkpoint again",
            )
        self.vocabulary = self._passages.vocabulary
        self.parameters = self._passages.parameters
        self.parameters += 0 if is_shared else self._questions.parameters

    def encode_queries(self, texts: Sequence[str], ids: Sequence[str]) -> list[SparseVector]:
        """Vectors of questions with the checkpoint's prompt before them; ``ids`` name them.

        Raises:
            CheckpointError: a weight is NaN or infinity.
        """
        vectors, cut = self._encode(self._questions, self._with_prompt("query", texts), 0)
        self._check_finite(vectors, ids, "question")
        # Of what was asked, for the density that is reported.
        self.questions += len(texts)
        self.question_terms += sum(map(len, vectors))
        self.questions_cut += cut
        return vectors

    def encode_passages(self, texts: Sequence[str], ids: Sequence[str], desc: str = "") -> Shard:
        """Vectors of passages, packed: [terms of all passages, 2]; raises as `encode_queries`."""
        vectors, cut = self._encode(self._passages, self._with_prompt("document", texts), 1, desc)
        self._check_finite(vectors, ids, "passage")
        counts = np.array([len(vector) for vector in vectors], np.int64)
        return Shard(np.concatenate([np.empty((0, 2), np.float32), *vectors]), counts, cut)

    def query_vector(self, text: str) -> SparseVector:
        """Vector of one question that nobody asked: it does not count in `facts`."""
        ((vector,), _) = self._encode(self._questions, self._with_prompt("query", [text]), 0)
        return vector

    def word(self, term: int) -> str:
        """The word piece of a term."""
        return self._passages.word(term)

    def gflop(self, question: str) -> float | None:
        """GFLOP of encoding one question; `None` where no formula is known."""
        (ids,) = self._questions.tokenise(self._with_prompt("query", [question])).ids
        return self._questions.gflop(len(ids))

    def identity(self) -> dict[str, object]:
        """What decides the vectors of passages, for cache keys."""
        return {
            "checkpoint": self.fingerprint,
            "max_length": self._passages.max_length,
            "terms": self._terms[1],
            "dtype": str(self.dtype),
            **device_identity(self.device),
        }

    def facts(self) -> dict[str, str]:
        """Device, number format, pooling, limits and the density of questions, for reports."""
        passage = self.settings.passage
        facts = {
            **device_facts(self.device, self.dtype),
            "vocabulary": f"{self.vocabulary:,}",
            "pooling": passage.pooling if passage.kind == "mlm" else "static",
            "text tokens (at most)": str(self._passages.max_length),
            "questions cut off": f"{self.questions_cut:,}",
        }
        if self.settings.query.kind == "static":
            facts["question side"] = "static weights, no model"
        if self.questions:
            facts["question terms (mean)"] = f"{self.question_terms / self.questions:.1f}"
        return facts

    def _open(self, route: SparseRoute) -> MlmRoute | StaticRoute:
        if route.kind == "static":
            return StaticRoute(route, self.checkpoint, self._max_length)
        return MlmRoute(route, self.checkpoint, self._max_length, self.device, self.dtype)

    def _with_prompt(self, name: str, texts: Sequence[str]) -> list[str]:
        prompt = self.settings.prompts.get(name, "")
        return [prompt + text for text in texts]

    def _encode(
        self, way: MlmRoute | StaticRoute, texts: Sequence[str], side: int, desc: str = ""
    ) -> tuple[list[SparseVector], int]:
        tokens = way.tokenise(texts)
        vectors: list[SparseVector] = [np.empty((0, 2), np.float32)] * len(texts)
        batches = list(token_batches([len(row) for row in tokens.ids], self._budget))
        kept = KeptBatches(batches, lambda batch: [vectors[i] for i in batch])
        for batch, finished in kept.finished:
            for i, vector in zip(batch, finished, strict=True):
                vectors[i] = vector
        steps = kept.remaining
        for batch in progress(steps, desc, len(steps), unit="batch") if desc else steps:
            weights = way.weights([tokens.ids[i] for i in batch])
            for i, vector in zip(batch, sparse_rows(weights, self._terms[side]), strict=True):
                vectors[i] = vector
            kept.done(batch)
        return vectors, tokens.truncated

    def _check_finite(self, vectors: Sequence[SparseVector], ids: Sequence[str], kind: str) -> None:
        counts = np.array([len(vector) for vector in vectors], np.int64)
        if counts.sum():
            packed = np.concatenate(vectors)
            check_finite(packed, ids, kind, self.checkpoint, self.dtype, counts)
