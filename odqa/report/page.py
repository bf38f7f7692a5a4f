"""The report: one HTML file that loads nothing else."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from odqa.comparison.choice import can_choose
from odqa.comparison.effects import grid_metric
from odqa.comparison.verdict import SMALL_MODELS, notices, verdict
from odqa.report.data import as_script, browser_data
from odqa.report.figures.losses import losses_figure
from odqa.report.figures.paradigms import paradigm_map
from odqa.report.figures.pareto import online_figure, storage_figure
from odqa.report.figures.quality import quality_figures
from odqa.report.sections.costs import offline_table, online_table
from odqa.report.sections.effects import (
    cells_table,
    choice_table,
    effects_table,
    interactions_table,
)
from odqa.report.sections.losses import changes_table, stages_table
from odqa.report.sections.pairs import pairs_table, sets_table
from odqa.report.sections.paradigms import map_table
from odqa.report.sections.quality import (
    metrics_table,
    quality_table,
    stage_metrics_table,
    tests_table,
)
from odqa.report.sections.specs import specs_table
from odqa.report.sections.usage import usage_table

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

_STYLES = ("page.css", "figures.css", "tables.css", "browser.css", "explain.css", "print.css")
_SCRIPTS = ("theme.js", "tables.js", "answers.js", "explain.js", "question.js", "browser.js")


def render_page(comparison: Comparison) -> str:
    """The HTML text of the report, with scripts, styles and data inside."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("odqa.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    all_notices, data = notices(comparison), browser_data(comparison)
    return environment.get_template("report.html").render(
        comparison=comparison,
        manifest=comparison.manifest,
        verdict=verdict(comparison),
        notices=[notice for notice in all_notices if notice != SMALL_MODELS],
        small_models=SMALL_MODELS if SMALL_MODELS in all_notices else "",
        style=Markup(_joined(_STYLES)),
        script=Markup(_joined(_SCRIPTS)),
        explained=len(set().union(*data["explained"])),
        data=Markup(as_script(data)),
        quality=quality_table(comparison),
        metrics=metrics_table(comparison),
        stage_metrics=stage_metrics_table(comparison),
        tests=tests_table(comparison),
        pairs=pairs_table(comparison),
        sets=sets_table(comparison),
        specs=specs_table(comparison),
        offline=offline_table(comparison),
        online=online_table(comparison),
        usage=usage_table(comparison),
        changes=changes_table(comparison),
        **_grid(comparison),
        stages=stages_table(comparison),
        quality_figures=[Markup(figure) for figure in quality_figures(comparison)],
        cost_figures=[
            Markup(figure)
            for figure in (online_figure(comparison), storage_figure(comparison))
            if figure
        ],
        losses_figure=Markup(losses_figure(comparison) or ""),
        paradigm_map=Markup(paradigm_map(comparison)),
        map_table=map_table(comparison),
    )


def _grid(comparison: Comparison) -> dict[str, object]:
    """Tables and lines about the factors of a grid; empty values where there is none."""
    metric = grid_metric(comparison)
    if metric is None:
        return {"effects": None, "cells": None, "interactions": None, "choice": None, "honest": ()}
    effects = comparison.effects(metric)
    chosen = comparison.choice(metric) if can_choose(comparison, metric) else None
    return {
        "effects": effects_table(effects),
        "cells": cells_table(effects),
        "interactions": interactions_table(effects),
        "choice": choice_table(chosen) if chosen else None,
        "honest": chosen.lines()[3:] if chosen else (),
    }


def _joined(names: tuple[str, ...]) -> str:
    folder = files("odqa.report") / "templates"
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)
