"""The map of paradigms as a table: every compared stage with its place, quality and own costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from odqa.comparison.paradigms import map_entries
from odqa.metrics.catalogue import heading
from odqa.report.sections.table import Cell, Column, Table, name, number, significant

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

#: How many pipelines of a stage are named.
_NAMED = 3
_COLUMNS = (
    Column("component", number=False),
    Column("place", "representation × interaction", number=False),
    Column("parameters", "those that differ from their defaults", number=False),
    Column("after", "the stages that feed it", number=False),
    Column("quality", "of what this stage gave, with its 95 % interval"),
    Column("ms", "online, per question in batches, of this stage alone"),
    Column("GFLOP", "per question, of this stage alone; empty where no formula is known"),
    Column("offline s", "once per corpus"),
    Column("stored MB", "on disk"),
    Column("pipelines", "those that have this stage over these inputs", number=False),
)


def map_table(comparison: Comparison) -> Table | None:
    """One row a stage; `None` where no compared stage stands on the map."""
    rows = []
    for entry in map_entries(comparison):
        quality = Cell("")
        if entry.quality is not None:
            mean, (low, high) = entry.quality.mean, entry.quality.interval
            small = f"{heading(entry.metric)[1]}, {low:.3f} to {high:.3f}"
            badge = "ceiling" if entry.is_ceiling else ""
            quality = replace(number(mean, 3, small), badge=badge)
        rows.append(
            (
                name(f"{entry.type} {entry.role}"),
                name(f"{entry.representation} × {entry.interaction}"),
                name(entry.parameters),
                name(" + ".join(entry.after)),
                quality,
                significant(entry.online_ms),
                significant(entry.gflop),
                significant(entry.offline_s),
                significant(entry.stored_mb),
                name(_names(entry.pipelines)),
            )
        )
    caption = "Every compared stage: its place on the map, its quality, and what it costs by itself"
    return Table("map", caption, _COLUMNS, tuple(rows)) if rows else None


def _names(pipelines: Sequence[str]) -> str:
    more = len(pipelines) - _NAMED
    named = ", ".join(pipelines[:_NAMED])
    return f"{named} and {more} more" if more > 0 else named
