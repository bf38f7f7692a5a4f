"""How well the surface form of passages predicts relevance, without reading them.

Annotated passages of a dataset often have another origin than the other passages, and another form:
they begin and end with a sentence, or are shorter. A trained ranker learns that too. This fits
weights of the retriever's score and of features of surface form, by a softmax over each question's
candidates, and evaluates their ranking: by cross-validation over the questions of a run, and,
fitted on all of them, over another run.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from odqa.analysis.form_marks import FEATURES
from odqa.analysis.judged_run import JudgedRun, figure_line
from odqa.errors import DataError, SpecError
from odqa.suggest import did_you_mean

if TYPE_CHECKING:
    from odqa.data.corpus import Corpus

RETRIEVER_SCORE = "retriever's score"
#: Columns of `Candidates.features`.
COLUMNS = (RETRIEVER_SCORE, *FEATURES)

_FOLDS = 5


@dataclass(frozen=True)
class Candidates:
    """The candidates of judged questions, as many for each.

    Attributes:
        run: of the questions, cut to their candidates.
        features: float64 [questions, candidates, 1 + features], in the order of the run's hits;
            the retriever's score comes first.
        relevant: bool [questions, candidates]; a question may have none among its candidates.
    """

    run: JudgedRun
    features: Tensor
    relevant: Tensor

    @classmethod
    def of(cls, run: JudgedRun, corpus: Corpus, depth: int) -> Candidates:
        """The first ``depth`` hits of a run; questions with fewer are left out.

        Raises:
            DataError: no question is left, or a passage is not in ``corpus``.
        """
        hits = {
            question: run.hits[question][:depth]
            for question in run.judged()
            if len(run.hits[question]) >= depth
        }
        if not hits:
            raise DataError(
                f"no judged question has {depth} hits",
                where=run.where,
                cure="try a smaller --depth",
            )
        ids = sorted({hit.passage_id for candidates in hits.values() for hit in candidates})
        forms = {
            pid: [feature(corpus[row]) for feature in FEATURES.values()]
            for pid, row in zip(ids, corpus.rows(ids), strict=True)
        }
        features = [
            [[hit.score, *forms[hit.passage_id]] for hit in candidates]
            for candidates in hits.values()
        ]
        relevant = [
            [run.qrels[question].get(hit.passage_id, 0) > 0 for hit in candidates]
            for question, candidates in hits.items()
        ]
        return cls(
            JudgedRun(hits, run.qrels, run.where),
            torch.tensor(features, dtype=torch.float64),
            torch.tensor(relevant),
        )

    def figures(self, scores: Tensor) -> dict[str, float]:
        """R@1, R@5 and MRR@10 of the order by ``scores`` [questions, candidates]."""
        orders = scores.argsort(dim=1, descending=True, stable=True).tolist()
        ranked = {
            question: [hits[i] for i in order]
            for (question, hits), order in zip(self.run.hits.items(), orders, strict=True)
        }
        return JudgedRun(ranked, self.run.qrels).figures()


@dataclass(frozen=True, slots=True)
class SurfaceForm:
    """Figures of rankings by surface form.

    Attributes:
        figures: what the order is by -> R@1, R@5 and MRR@10.
        weights: feature -> its weight in the model of all features and the retriever's score.
    """

    figures: Mapping[str, Mapping[str, float]]
    weights: Mapping[str, float]

    def __str__(self) -> str:
        lines = [figure_line(name, figures) for name, figures in self.figures.items()]
        lines += [f"{name}: {weight:+.2f}" for name, weight in self.weights.items()]
        return "\n".join(lines)


def surface_form(
    candidates: Candidates, evaluation: Candidates | None, features: Sequence[str]
) -> SurfaceForm:
    """Figures of the retriever's order, of surface form alone, and of both together.

    Args:
        candidates: fitted to, and cross-validated over.
        evaluation: further ones that the weights fitted to all of ``candidates`` are evaluated on.
        features: names in `FEATURES`.

    Raises:
        DataError: too few questions have a relevant passage among their candidates.
    """
    form = [COLUMNS.index(name) for name in features]
    figures = {}
    for name, columns in ((RETRIEVER_SCORE, [0]), ("form", form), ("both", [0, *form])):
        figures[f"{name}, cross-validated"] = candidates.figures(
            cross_validate(candidates, columns)
        )
        weights = fit(candidates, range(len(candidates.features)), columns)
        if evaluation is not None:
            figures[f"{name}, evaluated"] = evaluation.figures(evaluation.features @ weights)
    return SurfaceForm(figures, {COLUMNS[column]: float(weights[column]) for column in (0, *form)})


def fit(candidates: Candidates, rows: Sequence[int], columns: Sequence[int]) -> Tensor:
    """Weights of the features by the likelihood of relevant passages among the candidates.

    Args:
        candidates: fitted to those with a relevant passage among them.
        rows: of the questions to fit to.
        columns: of the features to use; the others weigh nothing.

    Returns:
        float64 [1 + features].

    Raises:
        DataError: none of the questions has a relevant passage among its candidates.
    """
    judged_rows = [row for row in rows if bool(candidates.relevant[row].any())]
    if not judged_rows:
        raise DataError(
            "too few questions have a relevant passage among their candidates",
            where=candidates.run.where,
            cure="pass a run with more of them, or a larger --depth",
        )
    irrelevant = ~candidates.relevant[judged_rows]
    features = candidates.features[judged_rows][..., list(columns)]
    weights = torch.zeros(len(columns), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        scores = features @ weights
        relevant = scores.masked_fill(irrelevant, float("-inf"))
        nll = (scores.logsumexp(1) - relevant.logsumexp(1)).mean()
        # The small penalty only bounds the weights of features that never occur.
        value = nll + 1e-4 * weights.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    fitted = torch.zeros(candidates.features.shape[-1], dtype=torch.float64)
    fitted[list(columns)] = weights.detach()
    return fitted


def cross_validate(candidates: Candidates, columns: Sequence[int], folds: int = _FOLDS) -> Tensor:
    """Scores [questions, candidates], each question's from weights fitted to the other folds.

    Raises:
        DataError: as `fit`.
    """
    count = len(candidates.features)
    order = random.Random(0).sample(range(count), count)
    scores = torch.zeros(candidates.features.shape[:2], dtype=torch.float64)
    for fold in range(min(folds, count)):
        validation = order[fold::folds]
        training = [row for row in order if row not in set(validation)]
        scores[validation] = candidates.features[validation] @ fit(candidates, training, columns)
    return scores


def parse_features(text: str) -> list[str]:
    """Names of features with commas between them.

    Raises:
        SpecError: one does not exist.
    """
    names = [part.strip() for part in text.split(",")]
    if unknown := [name for name in names if name not in FEATURES]:
        raise SpecError(
            f"no feature '{unknown[0]}'",
            where="--features",
            cure=did_you_mean(unknown[0], FEATURES),
        )
    return list(dict.fromkeys(names))
