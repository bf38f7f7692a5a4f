"""How far metrics of answers agree with people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from odqa.comparison.judge import Item
from odqa.comparison.judge import Judge as LanguageModelJudge
from odqa.data.predictions import read_predictions
from odqa.data.questions import QuestionSet
from odqa.data.verdicts import AnswerVerdict, read_verdicts
from odqa.errors import DataError
from odqa.metrics.answers import best_exact_match, best_f1
from odqa.metrics.measures import ANSWER_METRICS
from odqa.metrics.statistics.kappa import cohens_kappa
from odqa.types import Question

Judge = Callable[[str, Question], bool]


def _from(score: Callable[[str, Question], float], least: float = 1.0) -> Judge:
    return lambda text, question: score(text, question) >= least


def _f1(text: str, question: Question) -> float:
    return best_f1(text, question.answers)


#: Metric as a verdict -> how it decides; graded ones from a value on.
JUDGES: Mapping[str, Judge] = {
    "em": _from(lambda text, question: best_exact_match(text, question.answers)),
    "f1 >= 0.5": _from(_f1, 0.5),
    "f1 >= 0.3": _from(_f1, 0.3),
    "token_recall": _from(ANSWER_METRICS["token_recall"]),
    "contains": _from(ANSWER_METRICS["contains"]),
    "equivalent": _from(ANSWER_METRICS["equivalent"]),
}
#: Stands for the verdicts on answers of all systems.
ALL = "all"


@dataclass(frozen=True, slots=True)
class MetricAgreement:
    """One metric against people, over ``verdicts`` answers.

    ``accuracy``: share of equal verdicts. ``kappa``: Cohen's. ``too_strict``: answers that people
    accept and the metric does not; ``too_lenient``: the other way round.
    """

    system: str
    metric: str
    verdicts: int
    accuracy: float
    kappa: float
    too_strict: int
    too_lenient: int

    def __str__(self) -> str:
        return (
            f"{self.system:16} {self.metric:14} {self.verdicts:6} {self.accuracy:9.3f} "
            f"{self.kappa:7.3f} {self.too_strict:11} {self.too_lenient:12}"
        )


#: Head of a table of lines of `MetricAgreement`.
HEAD = (
    f"{'system':16} {'metric':14} {'n':>6} {'accuracy':>9} {'kappa':>7} {'too strict':>11} "
    f"{'too lenient':>12}"
)


def agreement_with_people(
    verdicts: Sequence[AnswerVerdict],
    questions: QuestionSet,
    systems: Mapping[str, Path] | None = None,
    judges: Mapping[str, Judge] = JUDGES,
) -> list[MetricAgreement]:
    """Every metric against the verdicts: over all of them, then over the answers of each system.

    Args:
        systems: name -> its file of predictions; a verdict counts for the systems that gave this
            answer.
        judges: name of a metric -> how it decides.

    Raises:
        DataError: a verdict on a question that is not among the questions, a broken file.
    """
    by_id = {question.id: question for question in questions}
    unknown = [v.question_id for v in verdicts if v.question_id not in by_id]
    if unknown:
        raise DataError(
            f"{len(unknown)} verdicts are on other questions, the first on '{unknown[0]}'",
            where=f"question set {questions.name}",
            cure="check that both files belong together",
        )
    groups = {ALL: list(verdicts)}
    judged = [by_id[question_id] for question_id in dict.fromkeys(v.question_id for v in verdicts)]
    for name, path in (systems or {}).items():
        texts = read_predictions(path).of(judged)
        answers = {question.id: text for question, text in zip(judged, texts, strict=True)}
        groups[name] = [v for v in verdicts if answers[v.question_id] == v.prediction]
    return [
        _agreement(system, metric, group, by_id, judge)
        for system, group in groups.items()
        if group
        for metric, judge in judges.items()
    ]


def compare_with_people(
    verdicts: Path,
    questions: QuestionSet,
    systems: Mapping[str, Path] | None = None,
    language_model: LanguageModelJudge | None = None,
) -> str:
    """`agreement_with_people` of a verdict file as a table, with a language model, if there is one.

    Raises:
        DataError: as `agreement_with_people`.
        OdqaError: the language model cannot be asked.
    """
    read = read_verdicts(verdicts)
    judges, notes = dict(JUDGES), []
    if language_model is not None:
        # What is wrong with the files is said before the model is asked.
        agreement_with_people(read, questions, systems, {})
        by_id = {question.id: question for question in questions}
        items = [Item(by_id[v.question_id], v.prediction) for v in read]
        own = dict(zip(items, language_model.verdicts(items), strict=True))
        judges["judge"] = lambda text, question: own[Item(question, text)] is True
        notes = [
            f"judge: {language_model.unclear} of {language_model.asked} different answers without "
            "a verdict, which count as wrong"
        ]
    table = agreement_with_people(read, questions, systems, judges)
    return "\n".join([HEAD, *map(str, table), *notes])


def _agreement(
    system: str,
    metric: str,
    verdicts: Sequence[AnswerVerdict],
    questions: Mapping[str, Question],
    judge: Judge,
) -> MetricAgreement:
    people = [verdict.acceptable for verdict in verdicts]
    own = [judge(v.prediction, questions[v.question_id]) for v in verdicts]
    pairs = list(zip(people, own, strict=True))
    return MetricAgreement(
        system,
        metric,
        len(verdicts),
        sum(a == b for a, b in pairs) / len(pairs),
        cohens_kappa(people, own),
        sum(a and not b for a, b in pairs),
        sum(b and not a for a, b in pairs),
    )
