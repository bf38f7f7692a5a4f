"""Cross-encoder: question and passage go through the encoder together (Nogueira and Cho 2019).

Nothing about a passage can be computed before the question is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from odqa.bounds import PathText
from odqa.checkpoints.cross_encoder_settings import read_cross_encoder_settings
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.encoders.batches import equal_batches
from odqa.encoders.long_texts import beginnings
from odqa.encoders.task_model import TaskModel, load_task_model
from odqa.errors import CheckpointError
from odqa.interfaces import Cost, ModelConfig, RankerConfig
from odqa.rankers.pairs import Pair, PairRanker
from odqa.types import Hit, Query

if TYPE_CHECKING:
    from torch import Tensor

    from odqa.cache import Cache


class CrossEncoderConfig(RankerConfig, ModelConfig):
    """Parameters of the cross-encoder ranker."""

    #: Since version 0.1.0 its identity includes ``alpha``.
    later_fields = ("label",)

    checkpoint: PathText = Field(
        "embedded:cross-encoder",
        description="Folder, embedded:NAME or hub id of a sequence classifier.",
    )
    label: int | None = Field(
        None,
        ge=0,
        description="Which label's score ranks, from 0; default: the only one, or of two the "
        "second's minus the first's.",
    )
    max_length: int = Field(
        256, ge=8, le=1_000_000, description="Tokens per question-passage pair."
    )
    batch_size: int = Field(32, ge=1, le=65_536, description="Pairs per forward pass.")


class CrossEncoderRanker(PairRanker[CrossEncoderConfig, TaskModel]):
    """Reorders hits by the score that sentence-transformers' CrossEncoder predicts.

    That is the logit after the checkpoint's activation; with two labels the score of the second
    minus that of the first, with more of them the one of ``label``.
    """

    Config = CrossEncoderConfig
    type_name = "cross_encoder"
    label = "cross-encoder"
    representation = "all-to-all dynamic"
    interaction = "all-to-all"

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """One forward pass over the tokens of each question-passage pair."""
        encoded = self._encode(self._pairs(question, hits))
        return self._model.cost(len(ids) for ids in encoded["input_ids"])

    def describe(self) -> dict[str, str]:
        return {
            **self._model.facts(),
            "labels": str(self._model.config.num_labels),
            **({} if self._activation == "Identity" else {"activation": self._activation}),
            "pair tokens (at most)": str(self.config.max_length),
        }

    def _load(self, cache: Cache) -> TaskModel:
        config = self.config
        settings = read_cross_encoder_settings(resolve_checkpoint(config.checkpoint, cache))
        self._activation = settings.activation
        model = load_task_model(
            "AutoModelForSequenceClassification",
            config.checkpoint,
            cache,
            max_length=config.max_length,
            device=config.device,
            precision=config.precision,
            lower_case=settings.lower_case,
        )
        _check_label(config, model.config)
        return model

    def _encode(self, pairs: Sequence[Pair]) -> Any:
        if not pairs:
            return {"input_ids": []}
        tokenizer, limit = self._model.tokenizer, self.config.max_length
        return tokenizer(
            [question for question, _ in pairs],
            beginnings(tokenizer, [text for _, text in pairs], limit),
            truncation="longest_first",
            max_length=limit,
        )

    def _score(self, pairs: Sequence[Pair]) -> dict[Pair, float]:
        encoded = self._encode(pairs)
        lengths = [len(ids) for ids in encoded["input_ids"]]
        scores: dict[Pair, float] = {}
        for batch in equal_batches(lengths, self.config.batch_size):
            features = [{name: encoded[name][i] for name in encoded} for i in batch]
            logits = self._model.forward(features).logits.float()
            for i, score in zip(batch, self._relevance(logits).tolist(), strict=True):
                scores[pairs[i]] = score
        return scores

    def _relevance(self, logits: Tensor) -> Tensor:
        """One score per pair from logits [n, labels]."""
        from torch import nn

        scores: Tensor = getattr(nn, self._activation)()(logits)
        if self.config.label is not None:
            return scores[:, self.config.label]
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores[:, 0]


def _check_label(config: CrossEncoderConfig, model: Any) -> None:
    """Refuse a label that the model has not, or a choice among many that nobody made."""
    labels, label = int(model.num_labels), config.label
    if label is None and labels not in (1, 2):
        names = ", ".join(f"{i}: {name}" for i, name in sorted(model.id2label.items()))
        raise CheckpointError(
            f"{labels} labels ({names}), a ranker has 1 or 2",
            where=config.checkpoint,
            cure="set label to the one that means relevant, or name another cross-encoder",
        )
    if label is not None and label >= labels:
        raise CheckpointError(
            f"{labels} labels, label is {label}",
            where=config.checkpoint,
            cure=f"set label to 0{f' to {labels - 1}' if labels > 1 else ''}",
        )
