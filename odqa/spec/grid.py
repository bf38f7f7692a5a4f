"""A grid: lists of values for keys of a pipeline, and every combination of them as a pipeline.

::

    grid:
      retriever: [bm25, {type: sentence, checkpoint: "embedded:minilm"}]
      ranker: [null, {type: colbert, k: 20}, [{type: colbert, k: 20}, {type: cross_encoder, k: 10}]]
      ranker.k: [10, 20, 50]

A value of a slot replaces the slot whole: a stage, a composition, null, or the name of a type for a
stage with its defaults. Any other key is set in the combinations that have its stage, and makes no
difference in the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from odqa.errors import OdqaError, SpecError, SpecErrors
from odqa.registry import SLOTS
from odqa.spec.factors import BASE, Factor, Grid
from odqa.spec.level_names import pipeline_name, slot_labels, value_labels
from odqa.spec.locate import find_spec
from odqa.spec.merge import item_index, parse_overrides, read_with_parents, with_value
from odqa.spec.pipeline import PipelineSpec, parse_pipelines
from odqa.spec.source import KeyPath, Source, parse_value
from odqa.suggest import did_you_mean

#: Pipelines at most: each is run, scored and shown.
MOST_COMBINATIONS = 100
#: Keys whose value is one for the whole pipeline.
_HEADER = ("device", "precision")
#: Keys of compositions: a path leads through one only where the spec has it.
_COMPOSED = (*SLOTS, "fuse", "stages")


@dataclass(frozen=True, slots=True)
class Axis:
    """One key of a grid with its values; ``places`` are those of all parts of the values."""

    key: str
    values: tuple[Any, ...]
    where: str
    places: dict[KeyPath, str] = field(default_factory=dict)

    @property
    def path(self) -> KeyPath:
        """The key, taken apart."""
        return tuple(self.key.split("."))

    @property
    def is_slot(self) -> bool:
        """Whether its values replace a whole slot."""
        return self.key in SLOTS

    def labels(self) -> tuple[str, ...]:
        """Names of its levels."""
        return tuple((slot_labels if self.is_slot else value_labels)(self.values))


def axes_of(source: Source) -> list[Axis]:
    """The axes that a benchmark's ``grid`` names.

    Raises:
        SpecErrors: a key that no spec has, or one without a list of different values.
    """
    values = source.data.get("grid")
    if values is None:
        return []
    if not isinstance(values, dict):
        what = "expected keys of a pipeline, each with a list of values"
        raise SpecErrors([SpecError(what, where=source.where(("grid",)))])
    axes = []
    for key, listed in values.items():
        at = ("grid", key)
        inner = {path[2:]: place for path, place in source.places.items() if path[:2] == at}
        axes.append(_Listed(str(key), listed, source.where(at), inner))
    return _checked(axes)


def axes_of_texts(texts: Iterable[str]) -> list[Axis]:
    """The axes that ``--grid KEY=[VALUE, …]`` arguments name. Raises as `axes_of`."""
    axes, problems = list[_Listed](), list[OdqaError]()
    for text in texts:
        where = f"--grid {text}"
        key, equals, value = text.partition("=")
        try:
            if not equals:
                cure = "write --grid ranker.k=[10,20,50]"
                raise SpecError("expected key=[value, …]", where=where, cure=cure)
            axes.append(_Listed(key.strip(), parse_value(value, where), where, {(): where}))
        except SpecError as error:
            problems.append(error)
    try:
        checked = _checked(axes)
    except SpecErrors as errors:
        problems += errors.problems
    if problems:
        raise SpecErrors(problems)
    return checked


def axes_of_values(grid: Mapping[str, Sequence[Any]]) -> list[Axis]:
    """The axes that plain values in Python mean. Raises as `axes_of`."""
    listed = [
        _Listed(
            key, list(values) if isinstance(values, tuple | range) else values, f"grid: {key}", {}
        )
        for key, values in grid.items()
    ]
    axes = _checked(listed)
    if not axes:
        raise SpecErrors([SpecError("an empty grid", cure="name a key: {'ranker.k': [10, 20]}")])
    return axes


def joined_axes(first: Sequence[Axis], second: Sequence[Axis]) -> list[Axis]:
    """The axes of a benchmark and of the command line.

    Raises:
        SpecErrors: both vary a key.
    """
    keys = {axis.key for axis in first}
    problems = [
        SpecError(f"the benchmark varies '{axis.key}' too", where=axis.where, cure="leave it out")
        for axis in second
        if axis.key in keys
    ]
    if problems:
        raise SpecErrors(problems)
    return [*first, *second]


@dataclass(frozen=True, slots=True)
class _Listed:
    """What stands behind a key of a grid, before it is checked."""

    key: str
    values: Any
    where: str
    places: dict[KeyPath, str]


def _checked(listed: Sequence[_Listed]) -> list[Axis]:
    problems: list[OdqaError] = []
    axes: dict[str, Axis] = {}
    for one in listed:
        path, values = one.key.split("."), one.values
        if not all(path) or path[0] not in (*SLOTS, *_HEADER):
            cure = did_you_mean(path[0], (*SLOTS, *_HEADER))
            problems.append(SpecError(f"a pipeline has no '{one.key}'", where=one.where, cure=cure))
        elif not isinstance(values, list) or not values:
            what = "expected a list of values"
            problems.append(SpecError(what, where=one.where, cure="write [10, 20, 50]"))
        elif repeated := [v for n, v in enumerate(values) if v in values[:n]]:
            what = f"{repeated[0]!r} stands twice in the list"
            problems.append(SpecError(what, where=one.where, cure="name each value once"))
        elif one.key in axes:
            what = f"'{one.key}' is varied twice"
            problems.append(SpecError(what, where=one.where, cure="give it one list"))
        else:
            axes[one.key] = Axis(one.key, tuple(values), one.where, one.places)
    if problems:
        raise SpecErrors(problems)
    return list(axes.values())


def load_grid(
    refs: Iterable[str | Path | Source], axes: Sequence[Axis], overrides: Iterable[str] = ()
) -> tuple[list[PipelineSpec], Grid]:
    """Every combination of the values of all axes, laid over every spec.

    Args:
        refs: spec files, built-in names, or sources; without any, a spec with nothing but what the
            axes bring.
        overrides: ``--set`` words for all of them.

    Raises:
        SpecErrors: all problems at once: specs that cannot be read, too many combinations, a key
            that none of them has, an override of what is varied, and what is invalid in any.
    """
    overrides = list(overrides)
    problems: list[OdqaError] = list(_clashes(axes, overrides))
    bases: list[Source] = []
    for ref in refs:
        try:
            source = ref if isinstance(ref, Source) else read_with_parents(find_spec(ref))
            bases.append(source)
        except SpecError as error:
            problems.append(error)
    if not bases and not problems:
        bases = [Source({}, {}, axes[0].where)]
    names = [str(base.data.get("name", "")) for base in bases]
    for base, name in zip(bases, names, strict=True):
        if names.count(name) > 1:
            what = f"two pipelines are named '{name}'"
            cure = "give each a name of its own"
            problems.append(SpecError(what, where=base.where(("name",)), cure=cure))
    n = max(1, len(bases)) * math.prod(len(axis.values) for axis in axes)
    if n > MOST_COMBINATIONS:
        what = f"{n:,} combinations, more than the {MOST_COMBINATIONS} that are run at once"
        problems.append(SpecError(what, where=axes[0].where, cure="shorten the lists"))
    if problems:
        raise SpecErrors(problems)
    return _combined(bases, names, axes, overrides)


def _combined(
    bases: Sequence[Source], names: Sequence[str], axes: Sequence[Axis], overrides: Sequence[str]
) -> tuple[list[PipelineSpec], Grid]:
    labels = [axis.labels() for axis in axes]
    factors = [Factor(axis.key, levels) for axis, levels in zip(axes, labels, strict=True)]
    if len(bases) > 1:
        factors.insert(0, Factor(BASE, tuple(names)))
    points: dict[str, tuple[str | None, ...]] = {}
    sources: list[tuple[str, Source | SpecError]] = []
    problems: dict[str, OdqaError] = {}
    unused = {axis.key: axis for axis in axes}
    for base, base_name in zip(bases, names, strict=True):
        for numbers in product(*(range(len(axis.values)) for axis in axes)):
            try:
                source, applied = _laid_over(base, axes, numbers)
            except SpecError as error:
                problems.setdefault(error.line(), error)
                continue
            for key in applied:
                unused.pop(key, None)
            levels = [
                (axis.key, of_axis[number] if axis.key in applied else None)
                for axis, of_axis, number in zip(axes, labels, numbers, strict=True)
            ]
            if len(bases) > 1:
                levels.insert(0, (BASE, base_name))
            point = tuple(level for _, level in levels)
            if point in points.values():
                continue
            varied = [
                level
                for level, factor in zip(levels, factors, strict=True)
                if len(factor.levels) > 1
            ]
            name = pipeline_name(varied or levels, set(points))
            points[name] = point
            sources.append((name, _named(source, name, levels)))
    for axis in unused.values():
        what = f"no pipeline of the grid has '{axis.key}'"
        cure = "name a key of a stage that one of them has"
        problems[what] = SpecError(what, where=axis.where, cure=cure)
    if problems:
        raise SpecErrors(list(problems.values()))
    return parse_pipelines(sources, overrides), Grid(tuple(factors), points)


def _named(source: Source, name: str, levels: Sequence[tuple[str, str | None]]) -> Source:
    about = ", ".join(f"{key} {level}" for key, level in levels if level is not None)
    return Source({**source.data, "name": name, "description": about}, source.places, source.origin)


def _laid_over(
    base: Source, axes: Sequence[Axis], numbers: Sequence[int]
) -> tuple[Source, set[str]]:
    """A spec with one value of every axis, and the keys of those that it has room for."""
    source, applied = base, set[str]()
    # What replaces a stage comes before what is set in it, whatever their order in the file.
    in_order = sorted(
        zip(axes, numbers, strict=True),
        key=lambda pair: (len(pair[0].path), pair[0].path[-1] not in ("type", "by")),
    )
    for axis, number in in_order:
        value, place = axis.values[number], _place(axis, number)
        if axis.is_slot:
            source = _with_slot(source, axis, number)
            applied.add(axis.key)
        elif (found := _path_in(axis.path, source.data)) is not None:
            path, depth = found
            source = with_value(source, path, depth, value, place)
            applied.add(axis.key)
    return source, applied


def _with_slot(source: Source, axis: Axis, number: int) -> Source:
    value, slot = axis.values[number], axis.key
    if isinstance(value, str):
        value = {"type": value}
    places = {path: place for path, place in source.places.items() if path[:1] != (slot,)}
    places[slot,] = _place(axis, number)
    for path, place in axis.places.items():
        if path[:1] == (number,):
            places[slot, *path[1:]] = place
    return Source({**source.data, slot: value}, places, source.origin)


def _place(axis: Axis, number: int) -> str:
    """``file:line`` of a value."""
    return axis.places.get((number,), axis.places.get((), axis.where))


def _path_in(path: KeyPath, data: Any) -> tuple[KeyPath, int] | None:
    """The path with numbers for items of lists, and how many of its parts a spec has.

    `None` where it leads through a stage or a composition that the spec has not.
    """
    parts, depth = list[str | int](), 0
    for position, part in enumerate(path):
        is_last = position == len(path) - 1
        if isinstance(data, list):
            index = item_index(part, data)
            if index is None:
                return None
            parts.append(index)
            data = data[index]
        else:
            has_it = isinstance(data, dict) and part in data and data[part] is not None
            if str(part).isdecimal() or (part in _COMPOSED and not has_it and not is_last):
                return None
            parts.append(part)
            data = data[part] if has_it else None
        depth += data is not None
    return tuple(parts), depth


def _clashes(axes: Sequence[Axis], overrides: Sequence[str]) -> Iterator[OdqaError]:
    """Overrides that would undo what the grid varies."""
    try:
        parsed = parse_overrides(overrides)
    except SpecError as error:
        yield error
        return
    for override in parsed:
        for axis in axes:
            shared = axis.path[: len(override.path)] == override.path
            if shared or (override.makes_stage and axis.path[0] == override.path[0]):
                what = f"the grid varies '{axis.key}'"
                yield SpecError(what, where=override.where, cure="leave one of them out")
                break
