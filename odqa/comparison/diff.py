"""The questions that decide between two pipelines, and the stage that lost each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.metrics.attribution import differences, outcomes

if TYPE_CHECKING:
    import pandas as pd

    from odqa.comparison.data import ComparisonData


def diff(comparison: ComparisonData, a: str, b: str, metric: str = "em") -> pd.DataFrame:
    """Questions on which ``a`` and ``b`` have different values of ``metric``.

    One row a question: text, both values, both answers, what became of the question in each, and
    who wins. Where both pipelines answer, ``change`` says whether ``a`` fixed or broke the answer
    of ``b``, ``stage`` which slot of the wrong pipeline lost it, and ``lost by`` which stages. The
    largest differences come first, those that ``a`` wins before those of ``b``.

    Raises:
        RunError: no such pipeline or metric.
    """
    import pandas as pd

    left, right = comparison.values(a, metric), comparison.values(b, metric)
    fates = outcomes(comparison.rows)
    both = a in fates and b in fates
    known = differences(comparison.rows, baseline=b, candidate=a) if both else []
    changes = {each.question_id: each for each in known}
    said = {name: comparison.result(name).answers or {} for name in (a, b)}
    rows = []
    for question in comparison.questions:
        if question.id not in left or question.id not in right:
            continue
        delta = left[question.id] - right[question.id]
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
        for name, values in ((a, left), (b, right)):
            answer = said[name].get(question.id)
            row[f"{metric} {name}"] = values[question.id]
            row[f"answer {name}"] = answer.text if answer else ""
            row[f"outcome {name}"] = fates.get(name, {}).get(question.id, "")
        rows.append(row)
    rows.sort(key=lambda row: (row["winner"] != a, -abs(float(str(row["delta"])))))
    columns = ["question", "text", "winner", "delta", "change", "stage", "lost by"]
    columns += [f"{what} {name}" for name in (a, b) for what in (metric, "answer", "outcome")]
    return pd.DataFrame(rows, columns=columns)
