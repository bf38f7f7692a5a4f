"""The differences of a repeated run as lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.regression.reproduce import (
    MetricChange,
    answer_changes,
    environment_changes,
    hits_changes,
    metric_changes,
)

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

#: Changed questions listed per metric; all of them are in the new run folder.
_NAMED = 3
#: Changed packages listed; the manifests have all of them.
_PACKAGES = 12


def reproduction_lines(before: Comparison, after: Comparison) -> list[str]:
    """First whether the rows differ, then differences of hits, answers, specs and environment."""
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
            f"{hits.pipeline} {hits.stage}: other passages or another order on {hits.changed_ids} "
            f"of {hits.questions} questions, scores differ by at most {hits.largest_score:.2g}"
        )
    for pipeline, count in answer_changes(before, after).items():
        lines.append(f"{pipeline}: other answers to {count} of {len(before.questions)} questions")
    return lines + _spec_lines(before) + _environment_lines(before, after)


def _metric_line(change: MetricChange) -> str:
    examples = [
        f"{question} {_value(old)} -> {_value(new)}"
        for question, (old, new) in list(change.changed.items())[:_NAMED]
    ]
    rest = len(change.changed) - len(examples)
    listed = ", ".join(examples) + (f" and {rest} more" if rest else "")
    return (
        f"{change.pipeline} {change.metric}: {change.before:.4f} -> {change.after:.4f} "
        f"({change.after - change.before:+.4f}), {len(change.changed)} of {change.questions} "
        f"questions, by at most {change.largest:.3g}: {listed}"
    )


def _value(value: float | None) -> str:
    return "no row" if value is None else f"{value:.4g}"


def _spec_lines(before: Comparison) -> list[str]:
    # The folder keeps the whole spec; its hash also covers the versions of the components.
    hashes = before.manifest.get("specs", {})
    changed = [
        name
        for name, result in before.pipelines.items()
        if hashes.get(name, result.spec.hash) != result.spec.hash
    ]
    reason = "a component of it gives other results in this version of odqa"
    return [f"{name}: {reason} (spec hash {hashes[name]} then)" for name in changed]


def _environment_lines(before: Comparison, after: Comparison) -> list[str]:
    changes = environment_changes(before.manifest, after.manifest)
    packages = [change for change in changes if change[0].startswith("versions.")]
    lines = [
        f"{key}: {old} -> {new}" for key, old, new in changes if (key, old, new) not in packages
    ]
    listed = [
        f"{key.removeprefix('versions.')} {old or 'absent'} -> {new or 'absent'}"
        for key, old, new in packages[:_PACKAGES]
    ]
    if listed:
        rest = len(packages) - len(listed)
        lines.append("packages: " + ", ".join(listed) + (f" and {rest} more" if rest else ""))
    return lines or ["same code, packages and machine"]
