"""A pipeline spec: typed, validated, hashable, and back to YAML."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, Field

from odqa.bounds import BoundedModel
from odqa.errors import OdqaError, SpecError, SpecErrors
from odqa.html_view import html_lines
from odqa.interfaces import Device, Precision
from odqa.registry import SLOTS, Slot
from odqa.spec.composition import SlotSpec
from odqa.spec.graph import Graph, build_graph
from odqa.spec.locate import find_spec
from odqa.spec.merge import Override, apply_overrides, parse_overrides, read_with_parents
from odqa.spec.problems import build
from odqa.spec.slots import parse_slot
from odqa.spec.source import Source, parse_source
from odqa.spec.stage import Parsing, StageSpec, name_problem
from odqa.suggest import did_you_mean

#: Keys of the header that are the default of every stage with such a parameter.
_FOR_ALL = ("device", "precision")


class Header(BoundedModel):
    """The keys of a pipeline spec beside its stages."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    name: str = Field(description="How tables and reports call this pipeline.")
    description: str = Field("", description="One line about what it is.")
    device: Device | None = Field(None, description="Device of every stage that names none.")
    precision: Precision | None = Field(
        None, description="Number format of every stage that names none."
    )
    notices: tuple[str, ...] = Field(
        (), description="What a user must know, such as a licence that is not permissive."
    )


@dataclass(frozen=True)
class PipelineSpec:
    """A validated pipeline. Equal content gives an equal `hash` on every machine.

    Every slot holds a stage or a composition (`odqa.spec.composition`); `graph` has the single
    stages and which of them feed each other.
    """

    name: str
    retriever: SlotSpec | None
    ranker: SlotSpec | None = None
    reader: SlotSpec | None = None
    description: str = ""
    notices: tuple[str, ...] = ()
    rewriter: SlotSpec | None = None

    def __post_init__(self) -> None:
        if cure := name_problem(self.name):
            raise SpecError(f"{self.name!r} is no name of a pipeline", cure=cure)

    @cached_property
    def graph(self) -> Graph:
        """Its stages with their ids and inputs, in the order in which they run."""
        return build_graph(self.rewriter, self.retriever, self.ranker, self.reader)

    @property
    def stages(self) -> tuple[StageSpec, ...]:
        """All stages, those inside of compositions too, in the order in which they run."""
        return tuple(node.stage for node in self.graph.nodes)

    @property
    def slots(self) -> Mapping[str, SlotSpec]:
        """What its slots hold, in the order in which they run; empty slots are left out."""
        slots = {slot: getattr(self, slot) for slot in SLOTS}
        return {slot: value for slot, value in slots.items() if value is not None}

    @property
    def sees_answers(self) -> bool:
        """Whether a stage gets accepted answers or gold passages: its figures are then ceilings."""
        return any(stage.config.sees_answers for stage in self.stages)

    @property
    def hash(self) -> str:
        """16 hex digits over everything that decides results; names and devices are left out."""
        content = [[slot, value.identity()] for slot, value in self.slots.items()]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_dict(self, defaults: bool = False) -> dict[str, Any]:
        """Plain data from which `parse_pipeline` makes an equal spec.

        With ``defaults`` it still does when a later version has other defaults.
        """
        plain: dict[str, Any] = {"name": self.name}
        if self.description:
            plain["description"] = self.description
        if self.notices:
            plain["notices"] = list(self.notices)
        if self.retriever is None:
            plain["retriever"] = None
        return plain | {slot: value.to_dict(defaults) for slot, value in self.slots.items()}

    def tree(self) -> str:
        """The stages as lines, the last one first; inputs of a stage are indented below it."""
        graph, fed = self.graph, {i for node in self.graph.nodes for i in node.inputs}
        lines = [f"{self.name} [{self.hash}]"]

        def add(node_id: str, depth: int) -> None:
            node = graph[node_id]
            parameters = ", ".join(f"{k}={v}" for k, v in node.stage.parameters().items())
            label = (
                node.stage.type if node.id == node.stage.type else f"{node.id}: {node.stage.type}"
            )
            lines.append(
                f"{'  ' * depth}{node.role} {label}{f'({parameters})' if parameters else ''}"
            )
            for source in node.inputs:
                add(source, depth + 1)

        for node in graph.nodes:
            if node.id not in fed:
                add(node.id, 1)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return html_lines(self.tree())

    def to_yaml(self, defaults: bool = False) -> str:
        """The same as YAML text."""
        return str(yaml.safe_dump(self.to_dict(defaults), sort_keys=False, allow_unicode=True))


def load_pipeline(ref: str | Path, overrides: Iterable[str] = ()) -> PipelineSpec:
    """Read and validate one pipeline spec, by path or by the name of a built-in one.

    Raises:
        SpecErrors: everything that is wrong with it, each with file, line and key.
    """
    return load_pipelines([ref], overrides)[0]


def load_pipelines(refs: Iterable[str | Path], overrides: Iterable[str] = ()) -> list[PipelineSpec]:
    """Read several specs and report all problems of all of them together.

    Args:
        overrides: ``key=value`` texts, each for every pipeline that has its stage.

    Raises:
        SpecErrors: also when two pipelines carry one name, or an override suits no pipeline.
    """
    named: list[tuple[str, Source | SpecError]] = []
    for ref in refs:
        try:
            named.append((str(ref), read_with_parents(find_spec(ref))))
        except SpecError as error:
            named.append((str(ref), error))
    return parse_pipelines(named, overrides)


def parse_pipelines(
    sources: Sequence[tuple[str, Source | SpecError]], overrides: Iterable[str] = ()
) -> list[PipelineSpec]:
    """Validate specs that were read, each with how messages call it, or why it could not be.

    Raises:
        SpecErrors: as `load_pipelines`.
    """
    parsed = _parse_overrides(overrides)
    unused = {override.text: override for override in parsed if override.stage is not None}
    ref_problems: list[tuple[str, OdqaError]] = []
    specs: list[PipelineSpec] = []
    origins: dict[str, str] = {}
    all_read = True
    for ref, read in sources:
        try:
            if isinstance(read, SpecError):
                raise read
            source, applied = apply_overrides(read, parsed)
        except SpecError as error:
            all_read = False
            ref_problems.append((ref, error))
            continue
        for override in applied:
            unused.pop(override.text, None)
        try:
            spec = parse_pipeline(source)
        except SpecErrors as errors:
            ref_problems += [(ref, problem) for problem in errors.problems]
            continue
        if spec.name in origins:
            duplicate = SpecError(
                f"the name '{spec.name}' is taken by {origins[spec.name]}",
                where=source.where(("name",)),
                cure="give each pipeline a name of its own",
            )
            ref_problems.append((ref, duplicate))
        origins.setdefault(spec.name, source.origin)
        specs.append(spec)
    problems = _without_repeats(ref_problems, len(sources))
    for override in unused.values() if sources and all_read else ():
        what, cure = (
            f"no pipeline has a {override.stage}",
            f"add one: --set {override.stage}.type=…",
        )
        problems.append(SpecError(what, where=override.where, cure=cure))
    if problems:
        raise SpecErrors(problems)
    return specs


def _parse_overrides(overrides: Iterable[str]) -> list[Override]:
    """`parse_overrides`, its error as `SpecErrors`."""
    try:
        return parse_overrides(overrides)
    except SpecError as error:
        raise SpecErrors([error]) from None


def _without_repeats(
    ref_problems: Sequence[tuple[str, OdqaError]], n_specs: int
) -> list[OdqaError]:
    """Problems of ``n_specs`` specs, equal ones once; one of an override names its spec unless all
    specs have it."""
    times = Counter(problem.line() for _, problem in ref_problems)
    unique: dict[str, OdqaError] = {}
    for ref, problem in ref_problems:
        if problem.where.startswith("--set") and times[problem.line()] < n_specs:
            where = f"{problem.where} (of {ref})"
            problem = SpecError(problem.what, where=where, cure=problem.cure)
        unique.setdefault(problem.line(), problem)
    return list(unique.values())


def parse_pipeline(source: Source | Mapping[str, Any] | str) -> PipelineSpec:
    """Validate plain data (a mapping, YAML text, or a `Source` with places).

    Raises:
        SpecErrors: all problems at once.
    """
    if isinstance(source, str):
        source = parse_source(source, "spec")
    elif not isinstance(source, Source):
        source = Source(dict(source), {}, "spec")
    problems: list[SpecError] = []
    keys = [*Header.model_fields, *SLOTS, "extends"]
    if "extends" in source.data:
        where = source.where(("extends",))
        problems.append(SpecError("nothing to extend from here", where=where, cure="use a file"))
    problems += [
        SpecError(
            f"unknown key '{key}'", where=source.where((key,)), cure=did_you_mean(str(key), keys)
        )
        for key in source.data
        if key not in keys
    ]
    header = build(Header, source.data, source, (), problems)
    if header is not None and (cure := name_problem(header.name)):
        problems.append(
            SpecError(f"'{header.name}' is no name", where=source.where(("name",)), cure=cure)
        )
    common = header.model_dump(include=set(_FOR_ALL), exclude_none=True) if header else {}
    parsing = Parsing(source, common, problems)
    slots = {
        slot: None if values is None else parse_slot(slot, values, parsing, (slot,))
        for slot, values in ((slot, source.data.get(slot)) for slot in SLOTS)
    }
    _check_flow(slots, parsing)
    if problems:
        raise SpecErrors(problems)
    assert header is not None
    return PipelineSpec(
        header.name,
        slots["retriever"],
        slots["ranker"],
        slots["reader"],
        header.description,
        header.notices,
        slots["rewriter"],
    )


def _check_flow(slots: Mapping[Slot, SlotSpec | None], parsing: Parsing) -> None:
    """Whether every slot gets what it needs from those before it."""
    data = parsing.source.data
    if data.get("retriever") is not None:
        return
    has_key = "retriever" in data
    dependent = [slot for slot in ("rewriter", "ranker") if data.get(slot) is not None]
    reader = slots["reader"]
    if data.get("reader") is None or not has_key or dependent:
        cure = "add one" if has_key or dependent else "add one, or say null for a reader alone"
        parsing.problem("no retriever", ("retriever",), cure)
    elif isinstance(reader, StageSpec) and reader.config.reads_passages:
        what = f"reader '{reader.type}' reads passages, and there is no retriever"
        parsing.problem(what, ("reader",), "add one, or choose a reader that answers without")
