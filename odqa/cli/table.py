"""``odqa table``: tables of a finished run, to read or to take into a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from odqa.cli.options import Metrics
from odqa.cli.output import echo, echo_table


def table(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    metrics: Metrics = None,
    latex: Annotated[bool, typer.Option("--latex", help="As a LaTeX table.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="As a Markdown table.")] = False,
    csv: Annotated[
        bool, typer.Option("--csv", help="As comma-separated values, costs included.")
    ] = False,
    pairs: Annotated[
        bool,
        typer.Option(
            "--pairs", help="Every pipeline against every other; with --latex as a matrix."
        ),
    ] = False,
    overlap: Annotated[
        bool, typer.Option("--overlap", help="Who has which questions right.")
    ] = False,
    effects: Annotated[
        bool, typer.Option("--effects", help="What each factor of a grid buys, and costs.")
    ] = False,
    usage: Annotated[
        bool, typer.Option("--usage", help="What language models were asked for, and its price.")
    ] = False,
    paradigms: Annotated[
        bool, typer.Option("--map", help="Every stage by its place on the map of paradigms.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Tests, stages and specs too, as in table.txt.")
    ] = False,
) -> None:
    """Print the table of a finished run; chosen metrics are computed where they are missing."""
    from odqa.comparison.rescore import with_metrics
    from odqa.comparison.result import Comparison
    from odqa.errors import RunError
    from odqa.report.csv_table import to_csv
    from odqa.report.tables import to_latex, to_markdown
    from odqa.report.terminal.effects import grid_lines
    from odqa.report.terminal.pairs import overlap_lines, pair_lines
    from odqa.report.terminal.paradigms import map_lines
    from odqa.report.terminal.render import render
    from odqa.report.terminal.usage import usage_lines

    flags = {
        "--latex": latex,
        "--markdown": markdown,
        "--csv": csv,
        "--pairs": pairs,
        "--overlap": overlap,
        "--effects": effects,
        "--usage": usage,
        "--map": paradigms,
    }
    chosen = [flag for flag, is_set in {**flags, "--all": everything}.items() if is_set]
    if len(chosen) > 1 and chosen not in (["--latex", "--pairs"], ["--markdown", "--pairs"]):
        raise RunError(f"{' and '.join(chosen)} do not go together", cure="choose one")
    comparison = Comparison.load(folder)
    if metrics is not None:
        comparison = with_metrics(comparison, metrics.split(","))
    if pairs and (latex or markdown):
        from odqa.report.pair_tables import pairs_to_latex, pairs_to_markdown

        text = pairs_to_latex(comparison) if latex else pairs_to_markdown(comparison)
        echo(text.rstrip("\n"))
    elif latex:
        echo(to_latex(comparison).rstrip("\n"))
    elif markdown:
        echo(to_markdown(comparison).rstrip("\n"))
    elif csv:
        echo(to_csv(comparison).rstrip("\n"))
    elif pairs:
        echo("\n".join(pair_lines(comparison)))
    elif overlap:
        echo("\n".join(overlap_lines(comparison)))
    elif effects:
        comparison.effects()  # a run that is no grid is refused
        echo("\n".join(grid_lines(comparison)))
    elif usage:
        echo("\n".join(usage_lines(comparison)) or "no stage asked a language model")
    elif paradigms:
        echo("\n".join(map_lines(comparison)))
    elif everything:
        echo(render(comparison))
    else:
        echo_table(comparison)
