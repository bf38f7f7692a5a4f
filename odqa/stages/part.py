"""A part of a pipeline: one stage, or several joined by ``+`` (fused) and ``>>`` (in sequence)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.errors import SpecError, SpecErrors
from odqa.html_view import html_lines
from odqa.registry import Slot
from odqa.spec.composition import DEFAULT_FUSION, ChainSpec, FusedSpec, SlotSpec, chain
from odqa.spec.pipeline import PipelineSpec, parse_pipeline
from odqa.spec.slots import parse_fusion, parse_slot
from odqa.spec.source import Source
from odqa.spec.stage import Parsing, parse_stage

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus
    from odqa.stages.opened import Opened
    from odqa.types import Passage

_ORDER: tuple[Slot, ...] = ("rewriter", "retriever", "ranker", "reader")


@dataclass(frozen=True)
class Part:
    """Some slots of a pipeline; `spec` is the pipeline if they are complete."""

    rewriter: SlotSpec | None = None
    retriever: SlotSpec | None = None
    ranker: SlotSpec | None = None
    reader: SlotSpec | None = None
    name: str | None = None

    def __add__(self, other: Part) -> Part:
        """Both over the same input, their hits fused by reciprocal ranks (see `by`)."""
        return fuse(*self._summands(), *other._summands())

    def __rshift__(self, other: Part) -> Part:
        """This, then the other.

        Raises:
            SpecErrors: the other cannot follow.
        """
        slots = {slot: getattr(self, slot) for slot in _ORDER}
        last = max((n for n, slot in enumerate(_ORDER) if slots[slot] is not None), default=-1)
        for n, slot in enumerate(_ORDER):
            added = getattr(other, slot)
            if added is None:
                continue
            if n < last or (n == last and slot != "ranker"):
                raise _refused(f"a {slot} cannot follow a {_ORDER[last]}", "change their order")
            slots[slot] = added if slots[slot] is None else chain([slots[slot], added])
        return Part(**slots, name=other.name or self.name)

    def by(self, method: str, *, id: str | None = None, **parameters: Any) -> Part:  # noqa: A002
        """The same with another fusion: ``(a + b).by("z_score", weights=[1, 2], k=50)``.

        Raises:
            SpecErrors: it is no fusion, or the parameters are wrong.
        """
        slot: Slot = "ranker" if self.ranker is not None else "retriever"
        fused = getattr(self, slot)
        if not isinstance(fused, FusedSpec):
            raise _refused("there is nothing to fuse here", "add parts first: (a + b).by(…)")
        fields: dict[str, Any] = {slot: _fused(fused.members, method, id, parameters)}
        return replace(self, **fields)

    def named(self, name: str) -> Part:
        """The same under this name."""
        return replace(self, name=name)

    @property
    def spec(self) -> PipelineSpec:
        """The validated pipeline; by default its name is made of its stages.

        Raises:
            SpecErrors: a slot is missing that another needs.
        """
        raw = self._unchecked
        return parse_pipeline(raw.to_dict() | {"name": raw.name})

    def open(
        self, corpus: Corpus | str | Path | Iterable[Passage | str], cache: Cache | None = None
    ) -> Opened:
        """Prepare it on a corpus, to be used without a comparison.

        Args:
            corpus: a `Corpus`, the name of a dataset (``embedded``, ``FOLDER/SPLIT``), passages, or
                plain texts (whose ids are then 1, 2, …).
        """
        from odqa.stages.opened import Opened

        return Opened.prepared(self._unchecked, corpus, cache)

    def __str__(self) -> str:
        return self._unchecked.tree()

    def _repr_html_(self) -> str:
        return html_lines(str(self))

    @property
    def _unchecked(self) -> PipelineSpec:
        """The pipeline spec without checks: slots may be missing."""
        spec = PipelineSpec(
            "part", self.retriever, self.ranker, self.reader, rewriter=self.rewriter
        )
        return replace(spec, name=self.name or _default_name(spec))

    def _summands(self) -> Sequence[Part]:
        """The parts of a plain sum, so that ``a + b + c`` fuses three."""
        slots: tuple[Slot, ...] = ("retriever", "ranker")
        for slot in slots:
            content = getattr(self, slot)
            is_alone = content is not None and self == _part(slot, content)
            if is_alone and isinstance(content, FusedSpec) and content.method == _rrf():
                return [_part(slot, member) for member in content.members]
        return [self]

    def _as_member(self) -> tuple[Slot, SlotSpec]:
        if self.reader is not None or (self.retriever is None and self.ranker is None):
            raise _refused("only what gives passages can be fused", "fuse retrievers or rankers")
        if self.retriever is None:
            assert self.ranker is not None
            return "ranker", self.ranker
        stages = [s for s in (self.rewriter, self.retriever, self.ranker) if s is not None]
        return "retriever", stages[0] if len(stages) == 1 else chain(stages)


def stage(role: Slot, type: str, *, id: str | None = None, **parameters: Any) -> Part:  # noqa: A002
    """One stage of a registered type, validated as in a spec.

    Raises:
        SpecErrors: no such type, or wrong parameters.
    """
    values: dict[str, Any] = {"type": type, **parameters}
    if id is not None:
        values["id"] = id
    parsing = Parsing(Source({}, {}, f"{type}()"))
    parsed = parse_slot(role, values, parsing, ())
    if parsed is None or parsing.problems:
        raise SpecErrors(parsing.problems)
    return _part(role, parsed)


def fuse(
    *parts: Part,
    by: str = DEFAULT_FUSION,
    id: str | None = None,  # noqa: A002
    **parameters: Any,
) -> Part:
    """Several parts over the same input, their hits made one list.

    Raises:
        SpecErrors: fewer than two, retrievers among rankers, or wrong parameters of the fusion.
    """
    members = [part._as_member() for part in parts]
    if len(members) < 2 or len({slot for slot, _ in members}) != 1:
        raise _refused("expected two retrievers or more, or rankers", "fuse parts of one kind")
    slot = members[0][0]
    return _part(slot, _fused([member for _, member in members], by, id, parameters))


def _fused(
    members: Sequence[SlotSpec],
    method: str,
    id: str | None,  # noqa: A002
    parameters: dict[str, Any],
) -> FusedSpec:
    values: dict[str, Any] = {"by": method, **parameters}
    if id is not None:
        values["id"] = id
    parsing = Parsing(Source({}, {}, f"by {method}"))
    stage_spec = parse_fusion(values, len(members), parsing, ())
    if stage_spec is None or parsing.problems:
        raise SpecErrors(parsing.problems)
    return FusedSpec(tuple(members), stage_spec)


def _part(slot: Slot, content: SlotSpec) -> Part:
    fields: dict[str, Any] = {slot: content}
    return Part(**fields)


def _rrf() -> object:
    method = parse_stage("fusion", {"by": DEFAULT_FUSION}, Parsing(Source({})), (), type_key="by")
    assert method is not None
    return method


def _default_name(spec: PipelineSpec) -> str:
    """A name made of the ids of the stages: fused ones by ``+``, the others by ``-``."""

    def name(slot: SlotSpec) -> str:
        if isinstance(slot, FusedSpec):
            return "+".join(map(name, slot.members))
        if isinstance(slot, ChainSpec):
            return "-".join(map(name, slot.stages))
        return slot.id or slot.type

    return "-".join(name(slot) for slot in spec.slots.values())


def _refused(what: str, cure: str) -> SpecErrors:
    return SpecErrors([SpecError(what, where="odqa.stages", cure=cure)])


__all__ = ["Part", "fuse", "stage"]
