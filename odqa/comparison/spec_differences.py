"""What pipelines of a comparison differ in: keys of their specs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from odqa.comparison.data import ComparisonData
    from odqa.spec.pipeline import PipelineSpec

#: Keys that say nothing about how a pipeline works.
_PROSE = ("name", "description", "notices")


def spec_differences(comparison: ComparisonData) -> dict[str, dict[str, str]]:
    """Key of a spec, such as ``ranker.k`` -> pipeline -> value, for keys that are not all alike.

    Keys are those that some spec says itself, values those with defaults; a pipeline without the
    key has an empty text. With a single pipeline, all its keys.
    """
    specs = {name: result.spec for name, result in comparison.pipelines.items()}
    keys = dict.fromkeys(key for spec in specs.values() for key, _ in _flat(spec, False))
    flat = {name: dict(_flat(spec, True)) for name, spec in specs.items()}
    table = {key: {name: values.get(key, "") for name, values in flat.items()} for key in keys}
    if len(flat) == 1:
        return table
    return {key: row for key, row in table.items() if len(set(row.values())) > 1}


def _flat(spec: PipelineSpec, defaults: bool) -> Iterator[tuple[str, str]]:
    data = {key: value for key, value in spec.to_dict(defaults).items() if key not in _PROSE}
    yield from _leaves(data, "")


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        for position, item in enumerate(value):
            yield from _leaves(item, f"{path}.{position}")
    else:
        yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
