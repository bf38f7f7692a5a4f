"""What a repeated run found, in lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.regression.reproduce import (
    MetricChange,
    environment_changes,
    hits_changes,
    metric_changes,
    other_answers,
)

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

#: Changed questions named per metric; all of them are in the new run folder.
_NAMED = 3
#: Changed packages named; the manifests list them all.
_PACKAGES = 12


def reproduction_lines(before: Comparison, after: Comparison) -> list[str]:
    """The verdict on the rows first, then what differs beneath them and around them."""
    changes = metric_changes(before, after)
    rows = len(before.rows)
    if changes:
        count = sum(len(change.changed) for change in changes)
        lines = [f"not reproduced: {count} of {rows} per-question rows differ"]
        lines += map(_metric_line, changes)
    else:
        lines = [f"reproduced: all {rows} per-question rows are the same"]
    for hits in hits_changes(before, after):
        lines.append(
            f"{hits.pipeline} {hits.stage}: other passages or another order on {hits.other_ids} of "
            f"{hits.questions} questions, scores differ by at most {hits.largest_score:.2g}"
        )
    for pipeline, count in other_answers(before, after).items():
        lines.append(f"{pipeline}: other answers to {count} of {len(before.questions)} questions")
    return lines + _spec_lines(before) + _environment_lines(before, after)


def _metric_line(change: MetricChange) -> str:
    some = [
        f"{question} {_value(old)} -> {_value(new)}"
        for question, (old, new) in list(change.changed.items())[:_NAMED]
    ]
    more = len(change.changed) - len(some)
    named = ", ".join(some) + (f" and {more} more" if more else "")
    return (
        f"{change.pipeline} {change.metric}: {change.before:.4f} -> {change.after:.4f} "
        f"({change.after - change.before:+.4f}), {len(change.changed)} of {change.questions} "
        f"questions, by at most {change.largest:.3g}: {named}"
    )


def _value(value: float | None) -> str:
    return "no row" if value is None else f"{value:.4g}"


def _spec_lines(before: Comparison) -> list[str]:
    # The folder keeps the whole spec; its hash also holds the versions of the components.
    written = before.manifest.get("specs", {})
    other = [
        name
        for name, result in before.pipelines.items()
        if written.get(name, result.spec.hash) != result.spec.hash
    ]
    said = "a component of it gives other results in this version of odqa"
    return [f"{name}: {said} (spec hash {written[name]} then)" for name in other]


def _environment_lines(before: Comparison, after: Comparison) -> list[str]:
    changes = environment_changes(before.manifest, after.manifest)
    packages = [change for change in changes if change[0].startswith("versions.")]
    lines = [
        f"{key}: {old} -> {new}" for key, old, new in changes if (key, old, new) not in packages
    ]
    named = [
        f"{key.removeprefix('versions.')} {old or 'absent'} -> {new or 'absent'}"
        for key, old, new in packages[:_PACKAGES]
    ]
    if named:
        more = len(packages) - len(named)
        lines.append("packages: " + ", ".join(named) + (f" and {more} more" if more else ""))
    return lines or ["same code, packages and machine"]
