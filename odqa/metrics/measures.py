"""Metrics that are chosen by name, as odqa or as ir_measures writes them.

``nDCG@20``, ``R@100``, ``Success@5``, ``RR@10``, ``AP``, ``P@5`` and any other measure of
ir_measures that the installed tools compute judge the passages that leave a pipeline's ranking;
with ``retrieved_`` or ``ID/`` in front, those of the retriever or of the stage with this id.
``all_gold@k`` asks whether everything that a question needs is there, ``support@k`` how much. Of
answers: the metrics of `odqa.metrics.catalogue`, of which `ANSWER_METRICS` are computed only where
they are asked for. Rows have odqa's name where there is one: ``ranked_ndcg@20`` for ``nDCG@20``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from odqa.errors import RunError
from odqa.metrics.catalogue import CATALOGUE, describe
from odqa.metrics.equivalence.rules import contains, equivalent, token_recall
from odqa.suggest import did_you_mean
from odqa.types import Question

#: Metrics of answers that are computed where they are asked for.
ANSWER_METRICS: Mapping[str, Callable[[str, Question], float]] = {
    "contains": lambda text, question: contains(text, question.answers),
    "token_recall": lambda text, question: token_recall(text, question.answers),
    "equivalent": lambda text, question: equivalent(text, question.answers, question.text),
}
#: Ours -> ir_measures'; the part before the cut.
_FAMILIES = {
    "recall": "R",
    "success": "Success",
    "precision": "P",
    "mrr": "RR",
    "ndcg": "nDCG",
    "map": "AP",
}
#: Of questions that need several passages (`odqa.metrics.supporting`).
_NEEDED = ("all_gold", "support")
_OURS = {peer: name for name, peer in _FAMILIES.items()}
_NAME = re.compile(r"(?P<prefix>retrieved_|ranked_|[^/]+/)?(?P<base>[^/@]+)(?P<cut>@\S+)?")
_OF_ANSWERS = tuple(m.name for m in CATALOGUE if not m.name.startswith(("retrieved_", "ranked_")))


@dataclass(frozen=True, slots=True)
class Measures:
    """What is computed beside what always is.

    ``columns``: names of the rows that were asked for, in order. ``rankings``: name without its
    prefix -> ir_measures' name. ``answers``: names in `ANSWER_METRICS`. ``cuts``: the ``k`` of
    ``has_answer@k``, ``gold_cuts`` those of ``all_gold@k`` and ``support@k``.
    """

    columns: tuple[str, ...] = ()
    rankings: Mapping[str, str] = field(default_factory=dict)
    answers: tuple[str, ...] = ()
    cuts: tuple[int, ...] = ()
    gold_cuts: tuple[int, ...] = ()


def parse_measures(names: Iterable[str]) -> Measures:
    """Which metrics these names mean.

    Raises:
        RunError: an unknown name, or one that no installed tool computes.
    """
    columns: dict[str, None] = {}
    rankings: dict[str, str] = {}
    answers: dict[str, None] = {}
    cuts: set[int] = set()
    gold_cuts: set[int] = set()
    for name in names:
        if name in _OF_ANSWERS:
            columns[name] = None
            if name in ANSWER_METRICS:
                answers[name] = None
            continue
        match = _NAME.fullmatch(name)
        if match is None:
            raise _unknown(name)
        prefix, base, cut = match["prefix"] or "ranked_", match["base"], match["cut"] or ""
        if base in ("has_answer", "oracle"):
            columns[describe(f"{prefix}{base}{cut}").name] = None
            if cut:
                cuts.add(int(cut[1:]))
            continue
        if base in _NEEDED:
            columns[describe(f"{prefix}{base}{cut}").name] = None
            if cut:
                gold_cuts.add(int(cut[1:]))
            continue
        peer = f"{_FAMILIES.get(base.lower(), base)}{cut}"
        own = f"{_OURS.get(_FAMILIES.get(base.lower(), base), base)}{cut}"
        _check_computable(peer, name)
        columns[f"{prefix}{own}"] = None
        rankings[own] = peer
    return Measures(
        tuple(columns), rankings, tuple(answers), tuple(sorted(cuts)), tuple(sorted(gold_cuts))
    )


def needed_measures(measures: Measures) -> dict[str, bool]:
    """Columns of questions of several hops -> whether relevance judgements alone will do."""
    matches = {name: _NAME.fullmatch(name) for name in measures.columns}
    return {
        name: match["base"] == "all_gold" and match["cut"] is not None
        for name, match in matches.items()
        if match is not None and match["base"] in _NEEDED
    }


def _check_computable(peer: str, name: str) -> None:
    import ir_measures

    try:
        is_supported = ir_measures.DefaultPipeline.supports(ir_measures.parse_measure(peer))
    # Its parser evaluates a syntax tree; errors are of many types.
    except Exception:
        raise _unknown(name) from None
    if not is_supported:
        raise RunError(
            f"no installed tool computes '{name}'",
            cure="choose another measure: nDCG@20, R@100, Success@5, RR@10, AP, P@5",
        )


def _unknown(name: str) -> RunError:
    known = [*_OF_ANSWERS, "nDCG@20", "R@100", "Success@5", "RR@10", "AP", "P@5", "has_answer@20"]
    return RunError(f"unknown metric '{name}'", cure=did_you_mean(name, known))
