"""The map of paradigms: components by representation and interaction, with what was measured.

A stage stands where its component declares to stand, or where it says that it stood in this run
(RETRO, whose encoder may or may not see the question). Its quality is that of what it gave: of hits
the ranking, of a reader the answers. Equal stages over equal inputs are one entry.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast, get_args

from odqa.errors import ComponentError
from odqa.interfaces import Interaction, Representation
from odqa.registry import ROLES, Role, entries, get

if TYPE_CHECKING:
    import pandas as pd

    from odqa.comparison.costs import StageCost
    from odqa.comparison.data import ComparisonData
    from odqa.metrics.statistics.summary import Summary
    from odqa.spec.graph import Graph

REPRESENTATIONS: tuple[Representation, ...] = get_args(Representation)
INTERACTIONS: tuple[Interaction, ...] = get_args(Interaction)
#: Roles that represent no passages.
_NOT_PLACED: tuple[Role, ...] = ("fusion", "rewriter")
#: Which metric of a stage's hits, and of a reader's answers, where none was chosen: the first.
_OF_HITS = ("mrr@10", "has_answer@1", "has_answer@20")
_OF_ANSWERS = ("em", "f1")
#: Columns of `map_frame` that are no numbers.
_TEXTS = (
    *("representation", "interaction", "role", "component", "parameters", "after"),
    *("pipelines", "metric", "ceiling"),
)


@dataclass(frozen=True, slots=True)
class MapEntry:
    """One stage over given inputs: its quality, and what it costs by itself.

    ``parameters`` are those that differ from their defaults, ``after`` the ids of the stages that
    feed it, ``pipelines`` those that have it. ``quality`` is `None` where nothing was scored;
    ``online_ms`` and ``gflop`` are per question, ``offline_s`` and ``stored_mb`` per corpus, `None`
    where a run kept no costs or no formula is known. A stage that sees accepted answers or gold
    passages ``is_ceiling``, and so is every stage after it.
    """

    representation: Representation
    interaction: Interaction
    role: Role
    type: str
    parameters: str
    after: tuple[str, ...]
    pipelines: tuple[str, ...]
    metric: str
    quality: Summary | None
    online_ms: float | None
    gflop: float | None
    offline_s: float | None
    stored_mb: float | None
    is_ceiling: bool = False


@dataclass(frozen=True, slots=True)
class PlacedComponent:
    """One component on the map, the compared stages of it, best first, and their pipelines."""

    role: Role
    type: str
    representation: Representation
    interaction: Interaction
    stages: tuple[MapEntry, ...] = ()
    used_by: tuple[str, ...] = ()


def map_entries(comparison: ComparisonData) -> list[MapEntry]:
    """Every compared stage that stands on the map, in the order of the pipelines."""
    found: dict[str, MapEntry] = {}
    for name, result in comparison.pipelines.items():
        graph = result.spec.graph
        costs = {cost.stage_id: cost for cost in result.costs}
        keys = _keys(graph)
        for node in graph.nodes:
            if node.role in _NOT_PLACED:
                continue
            key = keys[node.id]
            if key in found:
                pipelines = (*found[key].pipelines, name)
                found[key] = replace(found[key], pipelines=pipelines)
            else:
                found[key] = _entry(comparison, name, node.id, costs.get(node.id))
    return list(found.values())


def placed_components(comparison: ComparisonData) -> list[PlacedComponent]:
    """Every component that represents passages and can be imported, with its compared stages."""
    compared: dict[tuple[Role, str, Representation, Interaction], list[MapEntry]] = {}
    for entry in map_entries(comparison):
        place = (entry.role, entry.type, entry.representation, entry.interaction)
        compared.setdefault(place, []).append(entry)
    placed = []
    for registered in entries():
        if registered.role in _NOT_PLACED:
            continue
        try:
            kind = registered.load()
        except ComponentError:
            continue
        declared = (registered.role, registered.name, kind.representation, kind.interaction)
        others = [p for p in compared if p[:2] == declared[:2] and p != declared]
        # Where it declares to stand, unless all that was compared of it stood elsewhere.
        places = [*([declared] if declared in compared or not others else []), *others]
        for place in places:
            stages = compared.get(place, [])
            names = {name for stage in stages for name in stage.pipelines}
            used_by = tuple(name for name in comparison.pipelines if name in names)
            placed.append(PlacedComponent(*place, _best_first(stages), used_by))
    return placed


def map_frame(comparison: ComparisonData) -> pd.DataFrame:
    """One row a compared stage: its place, quality with 95 % interval, and costs.

    ``after`` names the stages that feed it; ``online ms``, ``GFLOP`` (per question), ``offline s``
    and ``stored MB`` (per corpus) are its own, ``pipeline ms`` that of the first pipeline with it.
    """
    import pandas as pd

    rows = []
    for entry in map_entries(comparison):
        quality = entry.quality
        result = comparison.pipelines[entry.pipelines[0]]
        seconds = sum(cost.online_seconds for cost in result.costs)
        rows.append(
            {
                "representation": entry.representation,
                "interaction": entry.interaction,
                "role": entry.role,
                "component": entry.type,
                "parameters": entry.parameters,
                "after": " + ".join(entry.after),
                "pipelines": ", ".join(entry.pipelines),
                "metric": entry.metric,
                "ceiling": entry.is_ceiling,
                "value": None if quality is None else quality.mean,
                "low": None if quality is None else quality.interval.low,
                "high": None if quality is None else quality.interval.high,
                "online ms": entry.online_ms,
                "GFLOP": entry.gflop,
                "offline s": entry.offline_s,
                "stored MB": entry.stored_mb,
                "pipeline ms": 1000 * seconds / len(comparison.questions),
            }
        )
    frame = pd.DataFrame(rows)
    return frame.astype({name: float for name in frame.columns if name not in _TEXTS})


def _entry(
    comparison: ComparisonData, pipeline: str, stage: str, cost: StageCost | None
) -> MapEntry:
    graph = comparison.pipelines[pipeline].spec.graph
    node = graph[stage]
    kind = get(node.role, node.stage.type)
    metric, quality = _quality(comparison, pipeline, stage)
    facts = {} if cost is None else cost.facts
    representation: Any = facts.get("representation")
    return MapEntry(
        cast(Representation, representation)
        if representation in REPRESENTATIONS
        else kind.representation,
        kind.interaction,
        node.role,
        node.stage.type,
        ", ".join(f"{key}={value}" for key, value in node.stage.parameters().items()),
        node.inputs,
        (pipeline,),
        metric,
        quality,
        None if cost is None else 1000 * cost.online_seconds / len(comparison.questions),
        None if cost is None else cost.gflop,
        None if cost is None else cost.offline_seconds,
        None if cost is None else cost.stored_bytes / 1e6,
        _is_ceiling(graph, stage),
    )


def _is_ceiling(graph: Graph, stage: str) -> bool:
    node = graph[stage]
    sees = node.stage.config.sees_answers
    return sees or any(_is_ceiling(graph, source) for source in node.inputs)


def _quality(comparison: ComparisonData, pipeline: str, stage: str) -> tuple[str, Summary | None]:
    """The metric by which a stage is judged, without its stage, and the mean."""
    graph = comparison.pipelines[pipeline].spec.graph
    for metric in _metrics(comparison, ROLES[graph[stage].role].gives == "answers"):
        for name in _full_names(graph, stage, metric):
            if (pipeline, name) in comparison.summaries:
                return metric, comparison.summaries[pipeline, name]
    return "", None


def _metrics(comparison: ComparisonData, of_answers: bool) -> Iterator[str]:
    for name in comparison.metrics:
        stage, _, metric = name.rpartition("/")
        bare = metric.removeprefix("retrieved_").removeprefix("ranked_")
        if of_answers == (not stage and bare == metric):
            yield bare
    yield from _OF_ANSWERS if of_answers else _OF_HITS


def _full_names(graph: Graph, stage: str, metric: str) -> list[str]:
    if stage == graph.answers:
        return [metric]
    # Runs of version 0.1.0 have metrics of slots alone.
    slots = {"ranked_": graph.ranked, "retrieved_": graph.retrieved}
    ends = [f"{slot}{metric}" for slot, last in slots.items() if last == stage]
    return [f"{stage}/{metric}", *ends]


def _keys(graph: Graph) -> Mapping[str, str]:
    """Stage id -> text that is equal for equal stages over equal inputs."""
    keys: dict[str, str] = {}
    for node in graph.nodes:
        inputs = [keys[source] for source in node.inputs]
        content = [node.role, node.stage.identity(), node.stage.config.running(), inputs]
        keys[node.id] = json.dumps(content, sort_keys=True, default=str)
    return keys


def _best_first(stages: list[MapEntry]) -> tuple[MapEntry, ...]:
    """By falling quality; ceilings, which are no results, come last."""

    def place(stage: MapEntry) -> tuple[bool, float]:
        return stage.is_ceiling, -(stage.quality.mean if stage.quality else -1)

    return tuple(sorted(stages, key=place))
