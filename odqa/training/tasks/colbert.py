"""ColBERT: MaxSim over the batch, hard negatives, and distillation from a stronger ranker.

Khattab and Zaharia 2020 (model), Santhanam et al. 2022, ColBERTv2, section 3.2 (KL divergence to a
cross-encoder's scores). With a ``prior`` a second loss asks for the right order of MaxSim added to
the retriever's score, as a ranker with ``alpha`` uses it; the in-batch loss keeps MaxSim alone
good.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from odqa.progress import progress
from odqa.training.data.instances import (
    InstanceSchedule,
    TrainingInstance,
    in_batch_false_negatives,
    stack_retriever_scores,
    stack_teacher_scores,
)
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.length_buckets import LengthBuckets, bucket_by_length, restore_order
from odqa.training.model.base_encoder import base_encoder
from odqa.training.model.lora import attach, extract
from odqa.training.model.principal_components import principal_components
from odqa.training.recipes import Part
from odqa.training.tasks.base import RankingTask, TrainedModel
from odqa.training.tasks.losses import in_batch_with_distillation
from odqa.types import Hit


class ColbertSettings(Part):
    """Keys of the ColBERT task."""

    dim: int = Field(128, ge=8, le=65_536, description="Numbers per token vector.")
    query_maxlen: int = Field(
        32, ge=8, le=1_000_000, description="Tokens per question, [MASK] included."
    )
    doc_maxlen: int = Field(
        180, ge=16, le=1_000_000, description="Tokens per passage, markers included."
    )
    scale: float = Field(1.0, gt=0, description="MaxSim is multiplied by this before the softmax.")
    distill: float = Field(1.0, ge=0, description="Weight of the distillation loss.")
    temperature: float = Field(1.0, gt=0, description="Divides the teacher's scores.")
    prior: float = Field(
        0.0,
        ge=0,
        description="Weight of the retriever's score beside MaxSim, over its own passages.",
    )
    sampled: int = Field(
        400, ge=64, le=10_000_000, description="Passages that the first projection is fitted to."
    )
    evaluated: int = Field(
        20, ge=2, le=1_000_000, description="Candidates ranked per held-out question."
    )


class ColbertModel(nn.Module):
    """Encoder and projection, named as in colbert-ai's checkpoints."""

    def __init__(self, bert: nn.Module, linear: nn.Linear) -> None:
        super().__init__()
        self.bert = bert
        self.linear = linear

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Unit token vectors, float32 [texts, tokens, dim]."""
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return F.normalize(self.linear(hidden).float(), dim=-1)


class ColbertTask(RankingTask):
    """Starts from token states projected on their principal directions: not from noise."""

    Settings = ColbertSettings

    def build(self) -> nn.Module:
        bert = base_encoder("AutoModel", self.recipe.lora.encoder_dropout, add_pooling_layer=False)
        texts = [
            self.data.passages[labelled.gold_id].full_text
            for labelled in self.data.train["nq"][: self.settings.sampled]
        ]
        linear = nn.Linear(bert.config.hidden_size, self.settings.dim, bias=False)
        encoded = self._passages(texts)
        linear.weight.data = principal_components(bert, encoded["buckets"], self.settings.dim)
        return attach(ColbertModel(bert, linear), self.recipe.lora, heads=("linear.",))

    def schedule(self) -> InstanceSchedule:
        recipe = self.recipe
        return InstanceSchedule(
            self.data, recipe.data.weights, recipe.negatives, self.schedule_length, recipe.seed
        )

    def collate(self, items: Sequence[TrainingInstance]) -> dict[str, Any]:
        texts = [text for instance in items for text in instance.texts]
        return {
            "queries": self._queries([instance.question.text for instance in items]),
            "passages": dict(self._passages(texts)),
            "excluded": in_batch_false_negatives(items),
            "teacher_scores": stack_teacher_scores(items),
            "retriever_scores": stack_retriever_scores(items),
        }

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        queries = model(**batch["queries"])
        scores = self.settings.scale * self._scores(model, queries, batch["passages"])
        settings: ColbertSettings = self.settings
        return in_batch_with_distillation(
            scores,
            batch["excluded"],
            batch["teacher_scores"],
            weight=settings.distill,
            temperature=settings.temperature,
            prior=settings.prior * batch["retriever_scores"] if settings.prior else None,
        )

    def rank_all(
        self, model: nn.Module, questions: Sequence[LabelledQuestion], depth: int
    ) -> dict[str, list[Hit]]:
        candidates = {
            labelled.question.id: self.data.candidates[labelled.question.id][:depth]
            for labelled in questions
        }
        ids = sorted({hit.passage_id for hits in candidates.values() for hit in hits})
        vectors = self.passage_vectors(model, ids)
        ranked: dict[str, list[Hit]] = {}
        prior: float = self.settings.prior
        for labelled in progress(questions, "ranking", len(questions), unit="question"):
            query = model(**self._queries([labelled.question.text]))[0]
            scored = [
                Hit(
                    h.passage_id,
                    float((query @ vectors[h.passage_id].T).amax(1).sum()) + prior * h.score,
                )
                for h in candidates[labelled.question.id]
            ]
            ranked[labelled.question.id] = sorted(scored, key=lambda hit: -hit.score)
        return ranked

    def passage_vectors(self, model: nn.Module, ids: Sequence[str]) -> dict[str, Tensor]:
        """Kept token vectors of passages, float32 [tokens, dim] each."""
        encoded = self._passages([self.data.passages[pid].full_text for pid in ids])
        token_vectors = [
            vectors[keep]
            for bucket in encoded["buckets"]
            for vectors, keep in zip(
                model(bucket["input_ids"], bucket["attention_mask"]), bucket["keep"], strict=True
            )
        ]
        order = encoded["order"].tolist()
        return {ids[row]: vectors for row, vectors in zip(order, token_vectors, strict=True)}

    def trained(self, model: nn.Module) -> dict[str, TrainedModel]:
        settings = self.settings
        config = {
            "kind": "colbert",
            "prefix": "bert.",
            "dim": settings.dim,
            "query_maxlen": settings.query_maxlen,
            "doc_maxlen": settings.doc_maxlen,
        }
        return {self.recipe.name: TrainedModel(extract(model), config)}

    @cached_property
    def _markers(self) -> list[int]:
        """Ids that stand after [CLS] in a query and in a passage."""
        ids: list[int] = self.tokenizer.convert_tokens_to_ids(["[unused0]", "[unused1]"])
        return ids

    @cached_property
    def _skipped(self) -> set[int]:
        """Ids of punctuation, which passages do not keep."""
        encode = self.tokenizer.encode
        return {encode(symbol, add_special_tokens=False)[0] for symbol in string.punctuation}

    def _queries(self, texts: Sequence[str]) -> dict[str, Tensor]:
        length = self.settings.query_maxlen
        tokenizer = self.tokenizer
        ids, masks = [], []
        for tokens in tokenizer(list(texts), truncation=True, max_length=length - 1)["input_ids"]:
            missing = length - len(tokens) - 1
            ids.append([tokens[0], self._markers[0], *tokens[1:]])
            ids[-1] += [tokenizer.mask_token_id] * missing
            masks.append([1] * (length - missing) + [0] * missing)
        return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(masks)}

    def _passages(self, texts: Sequence[str]) -> LengthBuckets:
        tokenizer = self.tokenizer
        max_length = self.settings.doc_maxlen - 1
        unmarked = tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"]
        ids = [[tokens[0], self._markers[1], *tokens[1:]] for tokens in unmarked]
        encoded = {
            "input_ids": ids,
            "attention_mask": [[1] * len(row) for row in ids],
            "keep": [[int(i not in self._skipped) for i in row] for row in ids],
        }
        bucketed = bucket_by_length(encoded, tokenizer.pad_token_id)
        for bucket in bucketed["buckets"]:
            bucket["keep"] = bucket["keep"].bool()
        return bucketed

    def _scores(self, model: nn.Module, queries: Tensor, passages: dict[str, Any]) -> Tensor:
        parts = []
        for bucket in passages["buckets"]:
            vectors = model(bucket["input_ids"], bucket["attention_mask"])
            similarity = torch.einsum("qid,pjd->pqij", queries, vectors).float()
            similarity = similarity.masked_fill(~bucket["keep"][:, None, None], float("-inf"))
            parts.append(similarity.amax(-1).sum(-1))
        return restore_order(parts, passages["order"]).T
