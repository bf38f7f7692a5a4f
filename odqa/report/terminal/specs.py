"""What was compared: the specs of all pipelines side by side, where they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.comparison.spec_differences import spec_differences

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison


def spec_lines(comparison: Comparison) -> list[str]:
    """One line a key that differs, with the pipelines of each value; empty where none does."""
    lines = []
    for key, row in spec_differences(comparison).items():
        names: dict[str, list[str]] = {}
        for name, value in row.items():
            names.setdefault(value, []).append(name)
        parts = [f"{value or '(none)'}: {', '.join(users)}" for value, users in names.items()]
        lines.append(f"{key}  {'; '.join(parts)}")
    return ["specs, where they differ", *lines] if lines else []
