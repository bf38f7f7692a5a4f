"""Pipelines whose retriever is an oracle: made, told their gold passages, and marked as such."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from odqa.errors import RunError
from odqa.retrievers.oracle import OracleConfig, keep_gold
from odqa.spec.pipeline import PipelineSpec
from odqa.spec.stage import StageSpec

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.dataset import Dataset

_LOG = logging.getLogger(__name__)

#: The stage whose place an oracle may take.
OracleStage = Literal["retriever"]
_TYPE = "oracle"


def is_oracle(spec: PipelineSpec) -> bool:
    """Whether its figures are ceilings: an oracle stands in for its retriever."""
    return spec.retriever.type == _TYPE


def oracle_name(name: str) -> str:
    """The name under which an oracle's pipeline runs, so that no figure of it looks real."""
    return name if _TYPE in name else f"{_TYPE}+{name}"


def with_oracle(spec: PipelineSpec) -> PipelineSpec:
    """The same pipeline with an oracle that returns as many passages as its retriever did."""
    if is_oracle(spec):
        return spec
    before = spec.retriever
    said = f"Gold passages in place of what retriever {before.type} finds. {spec.description}"
    config = OracleConfig(k=before.k)
    stage = StageSpec("retriever", _TYPE, config)
    name = oracle_name(spec.name)
    return replace(spec, name=name, retriever=stage, description=said.strip())


def told_gold(specs: Sequence[PipelineSpec], dataset: Dataset, cache: Cache) -> list[PipelineSpec]:
    """Specs whose oracles know the gold passages of the dataset; other specs as they are.

    Gold are the passages that the qrels call relevant. Passages that merely hold an accepted
    answer are no substitute: many hold it by accident.

    Raises:
        RunError: there is an oracle, but there are no relevant passages.
    """
    if not any(map(is_oracle, specs)):
        return list(specs)
    qrels = dataset.qrels or {}
    gold = [q for q in dataset.questions if any(g > 0 for g in qrels.get(q.id, {}).values())]
    if not gold:
        raise RunError(
            "an oracle retriever needs gold passages, but there are no qrels that name any",
            where=f"data {dataset.name}",
            cure="name a qrels file (data.qrels of a benchmark) or leave the oracle out",
        )
    if missing := len(dataset.questions) - len(gold):
        _LOG.warning(
            "oracle: %d of %d questions have no gold passage and count as retriever misses",
            missing,
            len(dataset.questions),
        )
    digest = keep_gold(qrels, cache)
    return [_told(spec, digest) if is_oracle(spec) else spec for spec in specs]


def _told(spec: PipelineSpec, digest: str) -> PipelineSpec:
    config = OracleConfig(k=spec.retriever.k, gold=digest)
    stage = replace(spec.retriever, config=config)
    return replace(spec, name=oracle_name(spec.name), retriever=stage)
