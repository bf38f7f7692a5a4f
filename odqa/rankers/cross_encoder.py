"""Cross-encoder: question and passage go through the encoder together (Nogueira and Cho 2019).

Nothing about a passage can be computed before the question is known: the other end of the map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from odqa.errors import CheckpointError, ComponentError
from odqa.interfaces import Cost, ModelConfig, Ranker, RankerConfig
from odqa.progress import progress
from odqa.ranking import reranked
from odqa.types import Hit, Query

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus

# Questions whose pairs are sorted by length together: enough for full batches, bounded memory.
_GROUP = 16


class CrossEncoderConfig(RankerConfig, ModelConfig):
    """Parameters of the cross-encoder ranker."""

    #: It had ``alpha`` from the first version on.
    later_fields = ()

    checkpoint: str = Field(
        "embedded:cross-encoder",
        description="Folder, embedded:NAME or hub id of a sequence classifier with 1 or 2 labels.",
    )
    max_length: int = Field(256, ge=8, description="Tokens per question-passage pair.")
    batch_size: int = Field(32, ge=1, description="Pairs per forward pass.")


class CrossEncoderRanker(Ranker[CrossEncoderConfig]):
    """Reorders hits by the logit of relevance (with two labels: logit 1 minus logit 0)."""

    Config = CrossEncoderConfig
    representation = "all-to-all dynamic"
    interaction = "all-to-all"

    def __init__(self, config: CrossEncoderConfig) -> None:
        super().__init__(config)
        self._corpus: Corpus | None = None
        self._model: Any = None
        self._tokenizer: Any = None

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        self._corpus = corpus
        if self._model is not None:
            return
        from odqa.checkpoints.load import load_model, load_tokenizer, position_limit
        from odqa.checkpoints.resolve import resolve_checkpoint
        from odqa.devices import compute_dtype, pick_device

        name = self.config.checkpoint
        folder = resolve_checkpoint(name, cache)
        self._tokenizer = load_tokenizer(folder, name)
        model = load_model("AutoModelForSequenceClassification", folder, name)
        if model.config.num_labels not in (1, 2):
            raise CheckpointError(
                f"{model.config.num_labels} labels, a ranker has 1 or 2",
                where=name,
                cure="name a cross-encoder trained for relevance",
            )
        limit = position_limit(model.config)
        if self.config.max_length > limit:
            raise CheckpointError(
                f"takes {limit} tokens, max_length is {self.config.max_length}",
                where=name,
                cure=f"set max_length to {limit} or less",
            )
        self._device = pick_device(self.config.device)
        self._parameters = sum(p.numel() for p in model.parameters())
        self._model = model.to(self._device, compute_dtype(self._device, self.config.precision))

    def rank(
        self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]], k: int
    ) -> list[list[Hit]]:
        out: list[list[Hit]] = []
        groups = range(0, len(questions), _GROUP)
        for start in progress(groups, "cross-encoder ranks", len(groups), unit="group"):
            group = range(start, min(start + _GROUP, len(questions)))
            pairs = [[(questions[i].text, text) for text in self._texts(hits[i])] for i in group]
            # Each distinct pair once: equal texts get equal scores, whatever their ids.
            scores = self._score(sorted({pair for asked in pairs for pair in asked}))
            for i, asked in zip(group, pairs, strict=True):
                out.append(reranked(hits[i], [scores[pair] for pair in asked], k))
        return out

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """One forward pass over the tokens of each question-passage pair."""
        from odqa.encoders.flops import encoder_gflop

        pairs = [(question.text, text) for text in self._texts(hits)]
        gflop = sum(
            encoder_gflop(self._model.config, len(ids)) for ids in self._encode(pairs)["input_ids"]
        )
        return Cost(parameters=self._parameters, gflop=gflop)

    def describe(self) -> dict[str, str]:
        from odqa.devices import compute_dtype, device_name

        return {
            "device": device_name(self._device),
            "dtype": str(compute_dtype(self._device, self.config.precision)).removeprefix("torch."),
            "labels": str(self._model.config.num_labels),
            "pair tokens (at most)": str(self.config.max_length),
        }

    def close(self) -> None:
        self._model = None
        self._corpus = None

    def _texts(self, hits: Sequence[Hit]) -> list[str]:
        if self._corpus is None:
            raise ComponentError("not prepared", where="cross_encoder", cure="call prepare first")
        return [self._corpus.get(hit.passage_id).full_text for hit in hits]

    def _encode(self, pairs: Sequence[tuple[str, str]]) -> Any:
        if not pairs:
            return {"input_ids": []}
        return self._tokenizer(
            [question for question, _ in pairs],
            [text for _, text in pairs],
            truncation="longest_first",
            max_length=self.config.max_length,
        )

    def _score(self, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], float]:
        import torch

        encoded = self._encode(pairs)
        lengths = [len(ids) for ids in encoded["input_ids"]]
        order = sorted(range(len(pairs)), key=lambda i: (-lengths[i], i))
        scores: dict[tuple[str, str], float] = {}
        for start in range(0, len(order), self.config.batch_size):
            batch = order[start : start + self.config.batch_size]
            features = [{name: encoded[name][i] for name in encoded} for i in batch]
            inputs = self._tokenizer.pad(features, return_tensors="pt").to(self._device)
            with torch.inference_mode():
                logits = self._model(**inputs).logits.float()
            one = logits[:, -1] - logits[:, 0] if logits.shape[1] == 2 else logits[:, 0]
            for i, score in zip(batch, one.tolist(), strict=True):
                scores[pairs[i]] = score
        return scores
