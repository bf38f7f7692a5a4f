"""What was compared: the specs side by side, where they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.comparison.spec_differences import spec_differences
from odqa.report.sections.table import Column, Table, name

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison


def specs_table(comparison: Comparison) -> Table | None:
    """One row a key that differs, pipelines as columns; `None` where none does."""
    differences = spec_differences(comparison)
    if not differences:
        return None
    columns = [Column("key", number=False)]
    columns += [Column(pipeline, number=False) for pipeline in comparison.pipelines]
    rows = [
        (name(key), *(name(values[pipeline]) for pipeline in comparison.pipelines))
        for key, values in differences.items()
    ]
    return Table("specs", "Specs, where they differ", tuple(columns), tuple(rows))
