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

from odqa.metrics.has_answer import has_answer
from odqa.progress import progress
from odqa.training.data.instances import Group, GroupSchedule, teacher_scores
from odqa.training.data.length_buckets import Chunks, chunked, restored
from odqa.training.data.training_data import Example
from odqa.training.model.base_encoder import base_encoder
from odqa.training.model.lora import attach, extract
from odqa.training.model.principal_components import principal_directions
from odqa.training.recipes import Part
from odqa.training.tasks.base import RankingTask, Trained
from odqa.training.tasks.losses import in_batch_taught
from odqa.types import Hit


class ColbertSettings(Part):
    """Keys of the ColBERT task."""

    dim: int = Field(128, ge=8, description="Numbers per token vector.")
    query_maxlen: int = Field(32, ge=8, description="Tokens per question, [MASK] included.")
    doc_maxlen: int = Field(180, ge=16, description="Tokens per passage, markers included.")
    scale: float = Field(1.0, gt=0, description="MaxSim is multiplied by this before the softmax.")
    distill: float = Field(1.0, ge=0, description="Weight of the distillation loss.")
    temperature: float = Field(1.0, gt=0, description="Divides the teacher's scores.")
    prior: float = Field(
        0.0,
        ge=0,
        description="Weight of the retriever's score beside MaxSim in a question's group.",
    )
    sampled: int = Field(400, ge=64, description="Passages that the first projection is fitted to.")
    evaluated: int = Field(20, ge=2, description="Candidates ranked per held-out question.")


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
            self.examples.passages[example.gold].full_text
            for example in self.examples.train["nq"][: self.settings.sampled]
        ]
        linear = nn.Linear(bert.config.hidden_size, self.settings.dim, bias=False)
        ids = self._passages(texts)
        linear.weight.data = principal_directions(bert, ids["chunks"], self.settings.dim)
        return attach(ColbertModel(bert, linear), self.recipe.lora, heads=("linear.",))

    def schedule(self) -> GroupSchedule:
        recipe = self.recipe
        return GroupSchedule(
            self.examples, recipe.data.weights, recipe.negatives, self.items, recipe.seed
        )

    def collate(self, items: Sequence[Group]) -> dict[str, Any]:
        passages = [passage for group in items for passage in group.passages]
        width = len(items[0].passages)
        excluded = torch.zeros(len(items), len(passages), dtype=torch.bool)
        for row, group in enumerate(items):
            for column, passage in enumerate(passages):
                if column // width != row:
                    excluded[row, column] = passage.id == group.passages[0].id or has_answer(
                        passage.full_text, group.question.answers
                    )
        return {
            "queries": self._queries([group.question.text for group in items]),
            "passages": dict(self._passages([p.full_text for p in passages])),
            "excluded": excluded,
            "teacher": teacher_scores(items),
            "came": torch.tensor([group.came for group in items]),
        }

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        queries = model(**batch["queries"])
        scores = self.settings.scale * self._scores(model, queries, batch["passages"])
        settings: ColbertSettings = self.settings
        return in_batch_taught(
            scores,
            batch["excluded"],
            batch["teacher"],
            weight=settings.distill,
            temperature=settings.temperature,
            prior=settings.prior * batch["came"] if settings.prior else None,
        )

    def rank_all(
        self, model: nn.Module, examples: Sequence[Example], depth: int
    ) -> dict[str, list[Hit]]:
        hits = {e.question.id: self.examples.candidates[e.question.id][:depth] for e in examples}
        vectors = self.passage_vectors(
            model, sorted({hit.passage_id for found in hits.values() for hit in found})
        )
        ranked: dict[str, list[Hit]] = {}
        prior: float = self.settings.prior
        for example in progress(examples, "ranking", len(examples), unit="question"):
            query = model(**self._queries([example.question.text]))[0]
            scored = [
                Hit(
                    h.passage_id,
                    float((query @ vectors[h.passage_id].T).amax(1).sum()) + prior * h.score,
                )
                for h in hits[example.question.id]
            ]
            ranked[example.question.id] = sorted(scored, key=lambda hit: -hit.score)
        return ranked

    def passage_vectors(self, model: nn.Module, ids: Sequence[str]) -> dict[str, Tensor]:
        """Kept token vectors of passages, float32 [tokens, dim] each."""
        encoded = self._passages([self.examples.passages[pid].full_text for pid in ids])
        rows = [
            vectors[keep]
            for chunk in encoded["chunks"]
            for vectors, keep in zip(
                model(chunk["input_ids"], chunk["attention_mask"]), chunk["keep"], strict=True
            )
        ]
        order = encoded["order"].tolist()
        return {ids[place]: row for place, row in zip(order, rows, strict=True)}

    def trained(self, model: nn.Module) -> dict[str, Trained]:
        settings = self.settings
        config = {
            "kind": "colbert",
            "prefix": "bert.",
            "dim": settings.dim,
            "query_maxlen": settings.query_maxlen,
            "doc_maxlen": settings.doc_maxlen,
        }
        return {self.recipe.name: Trained(extract(model), config)}

    @cached_property
    def _markers(self) -> list[int]:
        """Ids that stand after [CLS] in a query and in a passage."""
        found: list[int] = self.tokenizer.convert_tokens_to_ids(["[unused0]", "[unused1]"])
        return found

    @cached_property
    def _skipped(self) -> set[int]:
        """Ids of punctuation, which passages do not keep."""
        encode = self.tokenizer.encode
        return {encode(symbol, add_special_tokens=False)[0] for symbol in string.punctuation}

    def _queries(self, texts: Sequence[str]) -> dict[str, Tensor]:
        room = self.settings.query_maxlen
        tokenizer = self.tokenizer
        ids, masks = [], []
        for pieces in tokenizer(list(texts), truncation=True, max_length=room - 1)["input_ids"]:
            fill = room - len(pieces) - 1
            ids.append([pieces[0], self._markers[0], *pieces[1:]])
            ids[-1] += [tokenizer.mask_token_id] * fill
            masks.append([1] * (room - fill) + [0] * fill)
        return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(masks)}

    def _passages(self, texts: Sequence[str]) -> Chunks:
        tokenizer = self.tokenizer
        room = self.settings.doc_maxlen - 1
        plain = tokenizer(list(texts), truncation=True, max_length=room)["input_ids"]
        ids = [[pieces[0], self._markers[1], *pieces[1:]] for pieces in plain]
        encoded = {
            "input_ids": ids,
            "attention_mask": [[1] * len(row) for row in ids],
            "keep": [[int(i not in self._skipped) for i in row] for row in ids],
        }
        found = chunked(encoded, tokenizer.pad_token_id)
        for chunk in found["chunks"]:
            chunk["keep"] = chunk["keep"].bool()
        return found

    def _scores(self, model: nn.Module, queries: Tensor, passages: dict[str, Any]) -> Tensor:
        parts = []
        for chunk in passages["chunks"]:
            vectors = model(chunk["input_ids"], chunk["attention_mask"])
            similarity = torch.einsum("qid,pjd->pqij", queries, vectors).float()
            similarity = similarity.masked_fill(~chunk["keep"][:, None, None], float("-inf"))
            parts.append(similarity.amax(-1).sum(-1))
        return restored(parts, passages["order"]).T
