"""``odqa validate``: every problem of every spec, before anything heavy."""

from __future__ import annotations

import typer

from odqa.cli.options import Set, Specs


def validate(specs: Specs = None, set_: Set = None) -> None:
    """Check specs (pipelines and benchmarks) and print their content hashes."""
    from odqa.spec.benchmark import is_benchmark, load_benchmark
    from odqa.spec.locate import built_in_specs
    from odqa.spec.pipeline import load_pipelines

    refs = specs or list(built_in_specs())
    benchmarks = [ref for ref in refs if is_benchmark(ref)]
    pipelines = [ref for ref in refs if ref not in benchmarks]
    for ref in benchmarks:
        benchmark = load_benchmark(ref, set_ or ())
        names = ", ".join(spec.name for spec in benchmark.specs)
        typer.echo(f"{ref}: benchmark '{benchmark.name}' with {names}")
    # Built-in pipelines and their embedded twins carry the same names, on purpose.
    twins = [] if specs else [ref for ref in pipelines if ref.startswith("embedded/")]
    for group in ([ref for ref in pipelines if ref not in twins], twins):
        for ref, spec in zip(group, load_pipelines(group, set_ or ()), strict=True):
            stages = " -> ".join(stage.type for stage in spec.stages)
            typer.echo(f"{ref}: {spec.name} [{spec.hash}] {stages}")
