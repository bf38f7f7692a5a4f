"""Whether relevant passages can be told from the others by their form, with no word read.

A corpus whose relevant passages come from another source than the rest gives them away: they begin
and end with a sentence, are shorter, are typeset otherwise. Whatever is trained or compared on it
may then have learnt the form. A logistic regression over marks of form is fitted to passages and
judged on others by the area under its ROC curve: 0.5 says that form tells nothing, 1 everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from odqa.analysis.form_marks import FEATURES, marks_of, simple_marks_of
from odqa.errors import DataError

if TYPE_CHECKING:
    from odqa.data.corpus import Corpus
    from odqa.data.qrels import Qrels

Array = NDArray[np.float64]

_FOLDS, _SEED = 5, 0
#: Weight of the ridge penalty, as scikit-learn's default (C = 1).
_PENALTY = 1.0


@dataclass(frozen=True, slots=True)
class GoldForm:
    """Areas under the ROC curve, cross-validated; ``weights`` are of standardised marks."""

    relevant: int
    others: int
    simple: float
    full: float
    weights: Mapping[str, float]

    def __str__(self) -> str:
        heaviest = ", ".join(f"{name} {weight:+.2f}" for name, weight in self.weights.items())
        return (
            f"{self.relevant:,} relevant passages among {self.relevant + self.others:,}: area "
            f"under the ROC curve, {_FOLDS}-fold cross-validated (0.5: form tells nothing)\n"
            f"{len(FEATURES)} simple marks of form  {self.simple:.3f}\n"
            f"all marks of form      {self.full:.3f}\n"
            f"heaviest marks: {heaviest}"
        )


def gold_form(corpus: Corpus, qrels: Qrels, *, shown: int = 5) -> GoldForm:
    """How well marks of form tell the relevant passages of a corpus from its others.

    Args:
        qrels: of any questions; a passage counts as relevant if it is for one of them.
        shown: how many weights to name.

    Raises:
        DataError: fewer relevant or other passages than folds.
    """
    gold = {p for grades in qrels.values() for p, grade in grades.items() if grade > 0}
    passages = list(corpus)
    labels = np.array([passage.id in gold for passage in passages])
    counts = int(labels.sum()), int((~labels).sum())
    if min(counts) < _FOLDS:
        raise DataError(
            f"{counts[0]} relevant passages and {counts[1]} others",
            where="qrels",
            cure=f"at least {_FOLDS} of each are needed; do qrels and corpus belong together?",
        )
    full = [marks_of(passage) for passage in passages]
    simple = [simple_marks_of(passage) for passage in passages]
    x = _matrix(full)
    weights = fit_logistic(_standardised(x, x), labels)[1:]
    heaviest = np.argsort(-np.abs(weights))[:shown]
    names = list(full[0])
    return GoldForm(
        *counts,
        roc_area(cross_validated(_matrix(simple), labels), labels),
        roc_area(cross_validated(x, labels), labels),
        {names[i]: float(weights[i]) for i in heaviest},
    )


def cross_validated(x: Array, labels: NDArray[np.bool_]) -> Array:
    """Scores [passages] of each fold by weights fitted to the other folds; marks standardised.

    Folds are drawn apart among relevant passages and others, so that each has its share.
    """
    fold = np.zeros(len(x), dtype=np.int64)
    draw = np.random.default_rng(_SEED)
    for label in (False, True):
        rows = draw.permutation(np.flatnonzero(labels == label))
        fold[rows] = np.arange(len(rows)) % _FOLDS
    scores = np.zeros(len(x))
    for number in range(_FOLDS):
        train, test = fold != number, fold == number
        weights = fit_logistic(_standardised(x[train], x[train]), labels[train])
        scores[test] = weights[0] + _standardised(x[test], x[train]) @ weights[1:]
    return scores


def fit_logistic(x: Array, labels: NDArray[np.bool_]) -> Array:
    """Intercept and weights of a logistic regression with a ridge penalty on the weights.

    Minimises the summed log loss + |weights|² / 2, as scikit-learn does by default.
    """
    from scipy.optimize import minimize

    signs = np.where(labels, 1.0, -1.0)

    def loss(w: Array) -> tuple[float, Array]:
        margin = signs * (w[0] + x @ w[1:])
        # log(1 + e^-m) without overflow, and its derivative.
        value = np.logaddexp(0.0, -margin).sum() + _PENALTY * (w[1:] @ w[1:]) / 2
        pull = -signs * np.exp(-np.logaddexp(0.0, margin))
        gradient = np.concatenate(([pull.sum()], x.T @ pull + _PENALTY * w[1:]))
        return float(value), gradient

    found = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B")
    return np.asarray(found.x, dtype=np.float64)


def roc_area(scores: Array, labels: NDArray[np.bool_]) -> float:
    """Chance that a relevant passage scores above another, ties counting half (Mann-Whitney)."""
    from scipy.stats import rankdata

    relevant = int(labels.sum())
    ranks = float(rankdata(scores)[labels].sum())
    return (ranks - relevant * (relevant + 1) / 2) / (relevant * (len(labels) - relevant))


def _matrix(marks: Sequence[Mapping[str, float]]) -> Array:
    return np.array([list(each.values()) for each in marks], dtype=np.float64)


def _standardised(x: Array, reference: Array) -> Array:
    deviation = reference.std(axis=0)
    # A mark that never varies says nothing.
    return np.asarray((x - reference.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0))
