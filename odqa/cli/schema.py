"""``odqa schema``: JSON Schema of specs, for editors."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from odqa.cli.output import echo


def schema(
    kind: Annotated[str, typer.Argument(help="pipeline or benchmark.")] = "pipeline",
) -> None:
    """Print the JSON Schema of a spec, with every registered component."""
    from odqa.errors import SpecError
    from odqa.spec.schema import benchmark_schema, pipeline_schema
    from odqa.suggest import did_you_mean

    schemas = {"pipeline": pipeline_schema, "benchmark": benchmark_schema}
    if kind not in schemas:
        raise SpecError(f"no schema of '{kind}'", cure=did_you_mean(kind, schemas))
    echo(json.dumps(schemas[kind](), indent=2))
