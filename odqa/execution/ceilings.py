"""Pipelines that see accepted answers or gold passages: built, and marked as ceilings.

An oracle replaces a retriever and returns the gold passages; a ranker may score by the likelihood
of the accepted answer. Figures of such a pipeline are ceilings, and its name shows it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from odqa.errors import RunError
from odqa.retrievers.oracle import OracleConfig, cache_gold
from odqa.spec.composition import ChainSpec, FusedSpec, SlotSpec
from odqa.spec.pipeline import PipelineSpec
from odqa.spec.stage import StageSpec

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.dataset import Dataset

_LOG = logging.getLogger(__name__)

#: The stage that an oracle may replace.
OracleStage = Literal["retriever"]
_TYPE = "oracle"


def ceiling_name(name: str) -> str:
    """The name of such a pipeline, so that its figures are not mistaken for real ones."""
    return name if _TYPE in name else f"{_TYPE}+{name}"


def with_oracle(spec: PipelineSpec) -> PipelineSpec:
    """The same pipeline with an oracle that returns as many passages as its retriever did.

    Raises:
        RunError: it has no retriever.
    """
    retriever = spec.retriever
    if retriever is None:
        what = f"pipeline '{spec.name}' has no retriever"
        raise RunError(what, where="oracle", cure="leave one of them out")
    if _is_oracle(retriever):
        return spec
    types = ", ".join(leaf.type for leaf in retriever.leaves())
    description = f"Gold passages in place of what retriever {types} finds. {spec.description}"
    return replace(
        spec,
        name=ceiling_name(spec.name),
        rewriter=None,
        retriever=StageSpec("retriever", _TYPE, OracleConfig(k=retriever.k)),
        description=description.strip(),
    )


def rename_ceilings(specs: Sequence[PipelineSpec]) -> list[PipelineSpec]:
    """Specs; those with a stage that sees answers get a name that shows it."""
    return [
        replace(spec, name=ceiling_name(spec.name)) if spec.sees_answers else spec for spec in specs
    ]


def with_gold(specs: Sequence[PipelineSpec], dataset: Dataset, cache: Cache) -> list[PipelineSpec]:
    """Specs whose oracles have the gold passages of the dataset; other specs unchanged.

    Gold are the passages that the qrels call relevant. Passages that merely contain an accepted
    answer are no substitute: many contain it by accident.

    Raises:
        RunError: there is an oracle, but there are no relevant passages.
    """
    if not any(map(_is_oracle, (stage for spec in specs for stage in spec.stages))):
        return list(specs)
    qrels = dataset.qrels or {}
    gold = [q for q in dataset.questions if any(g > 0 for g in qrels.get(q.id, {}).values())]
    if not gold:
        raise RunError(
            "an oracle retriever needs gold passages, but there are no qrels that name any",
            where=f"data {dataset.name}",
            cure="name a qrels file (data.qrels of a benchmark) or leave the oracle out",
        )
    if n_missing := len(dataset.questions) - len(gold):
        _LOG.warning(
            "oracle: %d of %d questions have no gold passage and count as retriever misses",
            n_missing,
            len(dataset.questions),
        )
    digest = cache_gold(qrels, cache)
    return [
        spec
        if spec.retriever is None
        else replace(spec, retriever=_with_gold(spec.retriever, digest))
        for spec in specs
    ]


def _is_oracle(slot: SlotSpec) -> bool:
    return isinstance(slot, StageSpec) and slot.type == _TYPE


def _with_gold(slot: SlotSpec, digest: str) -> SlotSpec:
    """The same, every oracle in it with its gold passages."""
    if isinstance(slot, FusedSpec):
        return replace(slot, members=tuple(_with_gold(member, digest) for member in slot.members))
    if isinstance(slot, ChainSpec):
        return replace(slot, stages=tuple(_with_gold(stage, digest) for stage in slot.stages))
    return replace(slot, config=OracleConfig(k=slot.k, gold=digest)) if _is_oracle(slot) else slot
