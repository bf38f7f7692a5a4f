"""Cross-encoder: question and passage go through the encoder together (Nogueira and Cho 2019).

Nothing about a passage can be computed before the question is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from odqa.bounds import PathText
from odqa.encoders.batches import equal_batches
from odqa.encoders.task_model import TaskModel, load_task_model
from odqa.errors import CheckpointError
from odqa.interfaces import Cost, ModelConfig, Ranker, RankerConfig
from odqa.prepared_component import Opened, PreparedComponent
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

    #: Since version 0.1.0 its identity includes ``alpha``.
    later_fields = ()

    checkpoint: PathText = Field(
        "embedded:cross-encoder",
        description="Folder, embedded:NAME or hub id of a sequence classifier with 1 or 2 labels.",
    )
    max_length: int = Field(
        256, ge=8, le=1_000_000, description="Tokens per question-passage pair."
    )
    batch_size: int = Field(32, ge=1, le=65_536, description="Pairs per forward pass.")


class CrossEncoderRanker(
    Ranker[CrossEncoderConfig], PreparedComponent[CrossEncoderConfig, TaskModel, None]
):
    """Reorders hits by the logit of relevance (with two labels: logit 1 minus logit 0)."""

    Config = CrossEncoderConfig
    type_name = "cross_encoder"
    representation = "all-to-all dynamic"
    interaction = "all-to-all"

    def rank(
        self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]], k: int
    ) -> list[list[Hit]]:
        out: list[list[Hit]] = []
        groups = range(0, len(questions), _GROUP)
        for start in progress(groups, "cross-encoder ranks", len(groups), unit="group"):
            group = range(start, min(start + _GROUP, len(questions)))
            pairs = [[(questions[i].text, text) for text in self._texts(hits[i])] for i in group]
            # Each distinct pair once: equal texts get equal scores, whatever their ids.
            scores = self._score(
                sorted({pair for question_pairs in pairs for pair in question_pairs})
            )
            for i, question_pairs in zip(group, pairs, strict=True):
                out.append(reranked(hits[i], [scores[pair] for pair in question_pairs], k))
        return out

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """One forward pass over the tokens of each question-passage pair."""
        pairs = [(question.text, text) for text in self._texts(hits)]
        return self._model.cost(len(ids) for ids in self._encode(pairs)["input_ids"])

    def describe(self) -> dict[str, str]:
        return {
            **self._model.facts(),
            "labels": str(self._model.config.num_labels),
            "pair tokens (at most)": str(self.config.max_length),
        }

    def _load(self, cache: Cache) -> TaskModel:
        config = self.config
        model = load_task_model(
            "AutoModelForSequenceClassification",
            config.checkpoint,
            cache,
            max_length=config.max_length,
            device=config.device,
            precision=config.precision,
        )
        if model.config.num_labels not in (1, 2):
            raise CheckpointError(
                f"{model.config.num_labels} labels, a ranker has 1 or 2",
                where=config.checkpoint,
                cure="name a cross-encoder trained for relevance",
            )
        return model

    def _open(self, corpus: Corpus, cache: Cache) -> Opened[None]:
        return Opened(None)

    def _texts(self, hits: Sequence[Hit]) -> list[str]:
        corpus = self._corpus
        return [corpus.get(hit.passage_id).full_text for hit in hits]

    def _encode(self, pairs: Sequence[tuple[str, str]]) -> Any:
        if not pairs:
            return {"input_ids": []}
        return self._model.tokenizer(
            [question for question, _ in pairs],
            [text for _, text in pairs],
            truncation="longest_first",
            max_length=self.config.max_length,
        )

    def _score(self, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], float]:
        encoded = self._encode(pairs)
        lengths = [len(ids) for ids in encoded["input_ids"]]
        scores: dict[tuple[str, str], float] = {}
        for batch in equal_batches(lengths, self.config.batch_size):
            features = [{name: encoded[name][i] for name in encoded} for i in batch]
            logits = self._model.forward(features).logits.float()
            relevance = logits[:, -1] - logits[:, 0] if logits.shape[1] == 2 else logits[:, 0]
            for i, score in zip(batch, relevance.tolist(), strict=True):
                scores[pairs[i]] = score
        return scores
