"""The questions that decide between two pipelines, and the stage that lost each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.metrics.attribution import differences, outcomes
from odqa.metrics.catalogue import heading

if TYPE_CHECKING:
    import pandas as pd

    from odqa.comparison.data import ComparisonData


def diff(comparison: ComparisonData, a: str, b: str, metric: str = "em") -> pd.DataFrame:
    """Questions on which ``a`` and ``b`` have different values of ``metric``.

    One row a question: text, and for both pipelines value, answer and outcome, with the winner.
    By a metric of answers, where both pipelines have a reader, ``change`` says whether ``a`` fixed
    or broke the answer of ``b``, ``stage`` which slot of the wrong pipeline lost it, and ``lost
    by`` which stages. By a metric of passages, the two name the stage of the worse pipeline after
    which this metric is lower than before it, else its retriever. The largest differences come
    first, those that ``a`` wins before those of ``b``.

    Raises:
        RunError: no such pipeline or metric.
    """
    import pandas as pd

    a_values, b_values = comparison.values(a, metric), comparison.values(b, metric)
    by_pipeline = outcomes(comparison.rows)
    by_passages = heading(metric)[0] != "answer"
    attributed = a in by_pipeline and b in by_pipeline and not by_passages
    changed = differences(comparison.rows, baseline=b, candidate=a) if attributed else []
    changes = {difference.question_id: difference for difference in changed}
    answers = {name: comparison.result(name).answers or {} for name in (a, b)}
    rows = []
    for question in comparison.questions:
        if question.id not in a_values or question.id not in b_values:
            continue
        delta = a_values[question.id] - b_values[question.id]
        if delta == 0:
            continue
        row: dict[str, object] = {"question": question.id, "text": question.text}
        row["winner"] = a if delta > 0 else b
        row["delta"] = delta
        change = changes.get(question.id)
        row["change"], row["stage"] = (change.change, change.stage) if change else ("", "")
        wrong = b if change is not None and change.change == "fixed" else a
        lost = comparison.lost_by.get(wrong, {}).get(question.id, ()) if row["stage"] else ()
        row["lost by"] = " + ".join(lost)
        if by_passages:
            stage = _lowered_by(comparison, b if delta > 0 else a, metric, question.id)
            if stage is not None:
                loser = comparison.result(b if delta > 0 else a).spec.graph
                row["stage"], row["lost by"] = loser[stage].role, stage
        for name, values in ((a, a_values), (b, b_values)):
            answer = answers[name].get(question.id)
            row[f"{metric} {name}"] = values[question.id]
            row[f"answer {name}"] = answer.text if answer else ""
            outcome = "" if by_passages else by_pipeline.get(name, {}).get(question.id, "")
            row[f"outcome {name}"] = outcome
        rows.append(row)
    rows.sort(key=lambda row: (row["winner"] != a, -abs(float(str(row["delta"])))))
    columns = ["question", "text", "winner", "delta", "change", "stage", "lost by"]
    columns += [f"{what} {name}" for name in (a, b) for what in (metric, "answer", "outcome")]
    return pd.DataFrame(rows, columns=columns)


def _lowered_by(
    comparison: ComparisonData, pipeline: str, metric: str, question_id: str
) -> str | None:
    """The last stage whose passages are worse than the best that it got; `None`: not measured.

    Where no stage made them worse, the first stage of the best way through the graph.
    """
    slot = heading(metric)[0]
    own = metric.rpartition("/")[2].removeprefix(f"{slot}_")
    graph = comparison.result(pipeline).spec.graph
    stage = {"ranked": graph.ranked, "retrieved": graph.retrieved}.get(slot, slot)
    values = {
        node.id: comparison.by_question.get((pipeline, f"{node.id}/{own}"), {}).get(question_id)
        for node in graph.with_hits
    }
    while stage is not None:
        value = values.get(stage)
        inputs = {
            source: v for source in graph[stage].inputs if (v := values.get(source)) is not None
        }
        if value is None or not inputs:
            return None if value is None else stage
        best = max(inputs, key=lambda source: inputs[source])
        if value < inputs[best]:
            return stage
        stage = best
    return None
