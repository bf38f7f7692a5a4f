"""What choosing the best of the compared pipelines promises, and what it keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from odqa.comparison.verdict import deciding_metric
from odqa.errors import RunError
from odqa.html_view import html_table
from odqa.metrics.statistics.bootstrap import Interval, mean_interval
from odqa.metrics.statistics.pairs import paired_test
from odqa.metrics.statistics.resampling import SEED
from odqa.metrics.statistics.split_half import CrossChoice, cross_choice, first_half

if TYPE_CHECKING:
    import pandas as pd

    from odqa.comparison.data import ComparisonData

#: Over how many splits the mean optimism is taken.
SPLITS = 100
#: With fewer, a half has no two questions.
_FEWEST = 4


@dataclass(frozen=True, slots=True)
class HalfChoice:
    """The pipeline with the highest mean on one half, and its mean on the other, with interval."""

    pipeline: str
    chosen_on: int
    apparent: float
    judged_on: int
    judged: float
    interval: Interval


@dataclass(frozen=True)
class Choice:
    """The best setting, chosen on one half of the questions and judged on the other, both ways.

    ``best`` has the highest mean over all questions, ``best_mean``. ``honest`` is the mean over all
    questions, each answered by the pipeline that was chosen without it; its ``interval`` takes the
    two choices as they are. ``optimism`` is by how much the means on the choosing halves are
    higher. ``gain`` is ``honest`` minus the mean of ``baseline``, with the interval and the p-value
    of the paired differences. ``mean_optimism`` and ``shares`` (pipeline -> share of the choices)
    are over ``splits`` splits.
    """

    metric: str
    questions: int
    candidates: int
    seed: int
    halves: tuple[HalfChoice, HalfChoice]
    best: str
    best_mean: float
    honest: float
    interval: Interval
    optimism: float
    baseline: str
    gain: float
    gain_interval: Interval
    gain_p: float
    splits: int
    mean_optimism: float
    shares: Mapping[str, float]

    def frame(self) -> pd.DataFrame:
        """One row a direction: chosen pipeline, mean where chosen, mean and interval where not."""
        import pandas as pd

        rows = [
            (h.pipeline, h.chosen_on, h.apparent, h.judged_on, h.judged, *h.interval)
            for h in self.halves
        ]
        columns = ["chosen", "questions to choose", "mean there"]
        columns += ["questions to judge", self.metric, "low", "high"]
        return pd.DataFrame(rows, columns=columns)

    def lines(self) -> list[str]:
        """In words."""
        often = sorted(self.shares.items(), key=lambda item: -item[1])[:3]
        directions = [
            f"{name}: {h.pipeline} has {h.apparent:.3f} on the {h.chosen_on} questions that chose "
            f"it, and {h.judged:.3f} [{h.interval.low:.3f}, {h.interval.high:.3f}] on the other "
            f"{h.judged_on}"
            for name, h in zip(("half 1", "half 2"), self.halves, strict=True)
        ]
        return [
            f"best of {self.candidates} by {self.metric}, chosen on one half of the questions and "
            f"judged on the other (split by hash of the id, seed {self.seed})",
            *directions,
            f"judged on questions that had no part in the choice: {self.honest:.3f} "
            f"[{self.interval.low:.3f}, {self.interval.high:.3f}]; the highest mean over all "
            f"questions is {self.best_mean:.3f} ({self.best})",
            f"against {self.baseline}: {self.gain:+.3f} [{self.gain_interval.low:+.3f}, "
            f"{self.gain_interval.high:+.3f}], p = {self.gain_p:.2g}",
            f"optimism of the choice: {self.optimism:+.3f} in this split, "
            f"{self.mean_optimism:+.3f} on average over {self.splits}; chosen most often: "
            + ", ".join(f"{name} ({share:.0%})" for name, share in often),
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        frame = self.frame()
        rows = frame.itertuples(index=False, name=None)
        return html_table(tuple(frame.columns), rows, "; ".join(self.lines()[3:]))


def can_choose(comparison: ComparisonData, metric: str) -> bool:
    """Whether there are enough pipelines and questions for `choice`."""
    names, ids = _candidates(comparison, metric)
    return len(names) >= 2 and len(ids) >= _FEWEST


def _candidates(comparison: ComparisonData, metric: str) -> tuple[list[str], list[str]]:
    """Pipelines that have the metric, without ceilings, and the questions that all have."""
    names = [
        name
        for name, result in comparison.pipelines.items()
        if (name, metric) in comparison.by_question and not result.spec.sees_answers
    ]
    by_name = [comparison.by_question[name, metric] for name in names]
    return names, [q.id for q in comparison.questions if all(q.id in v for v in by_name)]


def choice(comparison: ComparisonData, metric: str | None = None, seed: int = SEED) -> Choice:
    """The best of the pipelines, honestly.

    Args:
        metric: by default the deciding one.
        seed: of the split; the mean optimism is over the splits of this seed and those after it.

    Raises:
        RunError: fewer than two pipelines have the metric (ceilings do not compete), or fewer than
            four questions have a value of it in all of them.
    """
    metric = metric or deciding_metric(comparison) or "em"
    names, ids = _candidates(comparison, metric)
    if len(names) < 2 or len(ids) < _FEWEST:
        what = f"'{metric}' of {len(names)} pipelines on {len(ids)} questions leaves no choice"
        raise RunError(what, where=comparison.name, cure="name another metric, or more questions")
    by_name = [comparison.by_question[name, metric] for name in names]
    x = np.array([[values[key] for values in by_name] for key in ids])
    splits = [cross_choice(x, first_half(ids, seed + n)) for n in range(SPLITS)]
    split, counts = splits[0], Counter(n for each in splits for n in each.chosen)
    means = x.mean(axis=0)
    best = int(np.flatnonzero(means >= means.max() - 1e-12)[0])
    base = comparison.baseline if comparison.baseline in names else names[0]
    pair = np.column_stack([x[:, names.index(base)], split.values])
    gains = pair[:, 1] - pair[:, 0]
    return Choice(
        metric=metric,
        questions=len(ids),
        candidates=len(names),
        seed=seed,
        halves=_halves(split, names),
        best=names[best],
        best_mean=float(means[best]),
        honest=float(split.values.mean()),
        interval=mean_interval(split.values),
        optimism=split.optimism,
        baseline=base,
        gain=float(gains.mean()),
        gain_interval=mean_interval(gains),
        gain_p=paired_test(pair)[1],
        splits=SPLITS,
        mean_optimism=float(np.mean([each.optimism for each in splits])),
        shares={names[n]: count / (2 * SPLITS) for n, count in counts.most_common()},
    )


def _halves(split: CrossChoice, names: list[str]) -> tuple[HalfChoice, HalfChoice]:
    first, second = (
        HalfChoice(
            names[split.chosen[n]],
            int((~judged).sum()),
            split.apparent[n],
            int(judged.sum()),
            split.judged[n],
            mean_interval(split.values[judged]),
        )
        for n, judged in enumerate((~split.first, split.first))
    )
    return first, second
