"""``odqa reproduce``: run a run folder's comparison again and show the differences."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from odqa.cli.options import Out
from odqa.cli.output import echo


def reproduce(
    folder: Annotated[Path, typer.Argument(help="Run folder that odqa compare finished.")],
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            "-d",
            help="Where the same data lie now, if they were moved: FOLDER/SPLIT or a benchmark.",
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache", help="Take offline work from here (default: everything is made anew)."
        ),
    ] = None,
    out: Out = Path("runs"),
) -> None:
    """Run the same pipelines over the same data again and compare every question.

    Results are always computed anew. Exit code 1 when a per-question row differs.
    """
    from odqa.api import open_dataset
    from odqa.cache import Cache
    from odqa.cli.results import keep, run_folder
    from odqa.comparison.result import Comparison
    from odqa.regression.reproduce import (
        check_unchanged,
        cut_to_origin,
        find_data,
        metric_changes,
        run_again,
    )
    from odqa.regression.reproduce_text import reproduction_lines

    before = Comparison.load(folder)
    store = Cache(cache, enabled=cache is not None)
    if data is None:
        dataset = find_data(before, store)
    else:
        about = before.manifest["dataset"]
        dataset = check_unchanged(cut_to_origin(open_dataset(data, store), about), about, data)
    with run_folder(out, before.name) as draft:
        after = run_again(before, dataset, store)
        again = keep(after, draft)
    echo("\n".join([*reproduction_lines(before, after), f"run folder: {again}"]))
    if metric_changes(before, after):
        raise typer.Exit(1)
