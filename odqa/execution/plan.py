"""Which stages have to run: equal stages over equal inputs are one node across pipelines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from odqa import registry
from odqa.cache import content_key
from odqa.interfaces import ComponentConfig, ModelConfig
from odqa.spec.graph import GraphNode
from odqa.spec.pipeline import PipelineSpec
from odqa.spec.stage import StageSpec


@dataclass(frozen=True, slots=True)
class Node:
    """One stage over the results of others; ``key`` is the content hash of all that decides it.

    ``inputs`` are the keys of the nodes that feed it.
    """

    stage: StageSpec
    key: str
    inputs: tuple[str, ...]
    identity: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Plan:
    """All nodes in an order in which each comes after those that feed it."""

    nodes: tuple[Node, ...]
    #: pipeline name -> id of the stage in it -> node key
    keys: Mapping[str, Mapping[str, str]]

    def shared_by(self, key: str) -> list[str]:
        """The pipelines that use a node."""
        return [name for name, keys in self.keys.items() if key in keys.values()]


def make_plan(
    specs: Sequence[PipelineSpec],
    corpus: str,
    questions: str,
    sources: Callable[[StageSpec], Mapping[str, str]],
) -> Plan:
    """Lay the graphs of all pipelines over each other.

    Args:
        corpus: fingerprint of the corpus.
        questions: fingerprint of the question set.
        sources: content hashes of the files that a stage names.
    """
    nodes: dict[str, Node] = {}
    keys: dict[str, dict[str, str]] = {}
    for spec in specs:
        stage_keys: dict[str, str] = {}
        for graph_node in spec.graph.nodes:
            inputs = tuple(stage_keys[source] for source in graph_node.inputs)
            identity = {
                "role": graph_node.role,
                "stage": graph_node.stage.identity(),
                "sources": dict(sources(graph_node.stage)),
                "upstream": _upstream(inputs),
                "corpus": None if _needs_no_corpus(graph_node) else corpus,
                "questions": questions,
                **_revision(graph_node.stage),
                **running(graph_node.stage),
            }
            key = stage_keys[graph_node.id] = content_key(identity)
            nodes.setdefault(key, Node(graph_node.stage, key, inputs, identity))
        keys[spec.name] = stage_keys
    return Plan(tuple(nodes.values()), keys)


def _upstream(inputs: Sequence[str]) -> str | list[str] | None:
    # A single input is no list: keys stay as they were before stages could have several.
    if len(inputs) < 2:
        return inputs[0] if inputs else None
    return list(inputs)


def _needs_no_corpus(node: GraphNode) -> bool:
    """A reader that gets no passages answers the same over any corpus."""
    return node.role == "reader" and not node.inputs


def running(stage: StageSpec) -> dict[str, object]:
    """How a stage is to run (device, batch size), where its spec says so.

    It changes no result beyond rounding, and therefore neither a spec's hash nor an index; but
    seconds measured on one device must not be reported for another.
    """
    parameters = dict(stage.config.running())
    return {**({"running": parameters} if parameters else {}), **_computed_on(stage.config)}


def _computed_on(config: ComponentConfig) -> dict[str, object]:
    """Device and number format that ``device: auto`` takes here, unless those are the defaults.

    A cache may move, or a machine get a GPU: results in bf16 are no results in fp32.
    """
    if not isinstance(config, ModelConfig) or config.device != "auto":
        return {}
    from odqa.devices import device_and_dtype

    device, dtype = device_and_dtype(config.device, config.precision)
    return {} if device.type == "cpu" else {"computed_on": [device.type, str(dtype)]}


def _revision(stage: StageSpec) -> dict[str, object]:
    revision = registry.get(stage.role, stage.type).revision
    return {"revision": revision} if revision else {}
