"""``odqa validate``: every problem of every spec, before anything heavy."""

from __future__ import annotations

from odqa.cli.options import Set, Specs
from odqa.cli.output import echo


def validate(specs: Specs = None, set_: Set = None) -> None:
    """Check specs (pipelines and benchmarks) and print their content hashes."""
    from odqa.errors import OdqaError, SpecErrors
    from odqa.spec.benchmark import is_benchmark, load_benchmark
    from odqa.spec.locate import built_in_specs
    from odqa.spec.pipeline import load_pipelines

    overrides, problems = set_ or (), list[OdqaError]()
    refs = specs or list(built_in_specs())
    benchmarks = [ref for ref in refs if is_benchmark(ref)]
    pipelines = [ref for ref in refs if ref not in benchmarks]
    for ref in benchmarks:
        try:
            benchmark = load_benchmark(ref, overrides)
        except SpecErrors as errors:
            problems += errors.problems
            continue
        names = ", ".join(spec.name for spec in benchmark.specs)
        echo(f"{ref}: benchmark '{benchmark.name}' with {names}")
    # Built-in pipelines and their embedded twins carry the same names, on purpose.
    twins = [] if specs else [ref for ref in pipelines if ref.startswith("embedded/")]
    for group in ([ref for ref in pipelines if ref not in twins], twins):
        try:
            loaded = load_pipelines(group, overrides)
        except SpecErrors as errors:
            problems += errors.problems
            continue
        for ref, spec in zip(group, loaded, strict=True):
            stages = " -> ".join(node.id for node in spec.graph.nodes)
            echo(f"{ref}: {spec.name} [{spec.hash}] {stages}")
    if problems:
        raise SpecErrors(problems)
