"""Every metric of odqa by name, and what it means; `odqa.metrics.measures` says which are optional.

Names begin with what is judged: ``retrieved_…`` the hits that leave the retriever's slot,
``ranked_…`` those that leave the ranker's (the same in a pipeline without ranker), ``ID/…`` those
of the stage with this id; all others judge the answer. ``@k`` stands for any cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from odqa.errors import RunError
from odqa.suggest import did_you_mean


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; all but lengths are fractions, and more is better."""

    name: str
    meaning: str


_ANSWER = (
    Metric("em", "The answer equals an accepted one (SQuAD's rules), or fits its expression."),
    Metric("f1", "Token overlap of the answer with the accepted one that fits best."),
    Metric("answered", "The reader returned an answer at all."),
    Metric("answer_length", "Words in the answer."),
    Metric("contains", "An accepted answer is in the answer."),
    Metric("token_recall", "Share of an accepted answer's tokens that the answer has."),
    Metric("equivalent", "The answer means the same as an accepted one, by rules."),
    Metric("judge", "A language model, the benchmark's judge, accepts the answer."),
    Metric("reader_em_given_answer", "em, over questions whose passages held an accepted answer."),
    Metric("reader_f1_given_answer", "f1, over questions whose passages held an accepted answer."),
)
_STAGES = {"retrieved": "retrieved passages", "ranked": "passages after ranking"}
_HITS = (
    ("has_answer@k", "An accepted answer is in the text of one of the first k {}."),
    ("oracle", "An accepted answer is in any of the {}: em of a perfect reader."),
    ("recall@k", "Share of the relevant passages (qrels) among the first k {}."),
    ("success@k", "A relevant passage (qrels) is among the first k {}."),
    ("precision@k", "Share of the first k {} that are relevant (qrels)."),
    ("mrr@k", "1 / rank of the first relevant of the {}, 0 beyond rank k."),
    ("mrr", "1 / rank of the first relevant of the {}."),
    ("ndcg@k", "Normalised discounted cumulative gain of the first k {}."),
    ("ndcg", "Normalised discounted cumulative gain of the {}."),
    ("map@k", "Average precision of the first k {}."),
    ("map", "Average precision of the {}."),
    (
        "all_gold@k",
        "All relevant passages (qrels), or a passage of every supporting page, are among the first "
        "k {}.",
    ),
    ("all_gold", "Everything that a question of several hops needs is among the {}."),
    ("support@k", "Share of the supporting pages of which a passage is among the first k {}."),
)

CATALOGUE: tuple[Metric, ...] = (
    *_ANSWER,
    *(
        Metric(f"{stage}_{name}", meaning.format(passages))
        for stage, passages in _STAGES.items()
        for name, meaning in _HITS
    ),
)

#: Usual names in papers, where ours differ.
_SHORT = {
    "em": "EM",
    "f1": "F1",
    "recall": "R",
    "success": "Success",
    "precision": "P",
    "mrr": "MRR",
    "ndcg": "nDCG",
    "map": "MAP",
    "has_answer": "has answer",
    "all_gold": "all gold",
}

#: Metrics of the hits of a single stage, without its id and the stroke in front.
_OF_STAGE = {
    name: Metric(name, meaning.format("passages of this stage")) for name, meaning in _HITS
}
_OF_STAGE["all_gold_in"] = Metric(
    "all_gold_in", "Everything that a question of several hops needs is among what a fusion got."
)
_BY_NAME = {metric.name: metric for metric in CATALOGUE}
_CUT = re.compile(r"@[1-9]\d*$")


def describe(name: str) -> Metric:
    """The metric behind a name; any cut ``k`` is filled in.

    Raises:
        RunError: no such metric, with the nearest right name.
    """
    stage, _, rest = name.rpartition("/")
    metrics = _OF_STAGE if stage else _BY_NAME
    if rest in metrics and not rest.endswith("@k"):
        return replace(metrics[rest], name=name)
    cut = _CUT.search(rest)
    general = metrics.get(f"{rest[: cut.start()]}@k") if cut else None
    if cut is None or general is None:
        raise RunError(f"unknown metric '{name}'", cure=did_you_mean(name, _BY_NAME))
    meaning = re.sub(r"\bk\b", cut.group()[1:], general.meaning)
    return replace(general, name=name, meaning=meaning)


def heading(name: str) -> tuple[str, str]:
    """What a metric judges, and its usual short name: ``("ranked", "MRR@10")``.

    The first is ``answer``, ``retrieved``, ``ranked`` or the id of a stage.
    """
    stage, _, rest = name.rpartition("/")
    if not stage:
        slot = next((slot for slot in _STAGES if rest.startswith(f"{slot}_")), "")
        stage, rest = slot or "answer", rest.removeprefix(f"{slot}_")
    base, at, cut = rest.partition("@")
    return stage, f"{_SHORT.get(base, base)}{at}{cut}"


def in_order(names: Iterable[str]) -> list[str]:
    """Metric names in the order of the catalogue, smaller cuts first.

    Those of single stages come after, stage by stage; unknown names come last.
    """
    positions = {name: position for position, name in enumerate((*_BY_NAME, *_OF_STAGE))}

    def place(name: str) -> tuple[bool, str, int, int, str]:
        stage, _, rest = name.rpartition("/")
        cut = _CUT.search(rest)
        if rest in positions or cut is None:
            return bool(stage), stage, positions.get(rest, len(positions)), 0, name
        general = f"{rest[: cut.start()]}@k"
        at = positions.get(general, len(positions))
        return bool(stage), stage, at, int(cut.group()[1:]), name

    return sorted(set(names), key=place)


def stage_of(name: str) -> str:
    """The id of the stage that a metric judges; empty for metrics of slots and answers."""
    return name.rpartition("/")[0]
