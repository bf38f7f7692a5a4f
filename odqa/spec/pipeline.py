"""A pipeline spec: typed, validated, hashable, and back to YAML."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from odqa.errors import OdqaError, SpecError, SpecErrors
from odqa.interfaces import Device, Precision
from odqa.registry import ROLES
from odqa.spec.locate import find_spec
from odqa.spec.merge import Override, apply_overrides, parse_overrides, read_with_parents
from odqa.spec.problems import build
from odqa.spec.source import Source, parse_source
from odqa.spec.stage import StageSpec, parse_stage
from odqa.suggest import did_you_mean

#: Keys of the header that stand for every stage which has them and says nothing else.
_FOR_ALL = ("device", "precision")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


class Header(BaseModel):
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


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """A whole pipeline, validated. Equal content gives an equal `hash` on every machine."""

    name: str
    retriever: StageSpec
    ranker: StageSpec | None = None
    reader: StageSpec | None = None
    description: str = ""
    notices: tuple[str, ...] = ()

    @property
    def stages(self) -> tuple[StageSpec, ...]:
        """The stages that are there, in the order in which they run."""
        found = (self.retriever, self.ranker, self.reader)
        return tuple(stage for stage in found if stage is not None)

    @property
    def hash(self) -> str:
        """16 hex digits over everything that decides results; names and devices are left out."""
        content = [[stage.role, stage.identity()] for stage in self.stages]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_dict(self, defaults: bool = False) -> dict[str, Any]:
        """Plain data from which `parse_pipeline` makes an equal spec.

        With ``defaults`` it still does when a later version has other defaults.
        """
        found: dict[str, Any] = {"name": self.name}
        if self.description:
            found["description"] = self.description
        if self.notices:
            found["notices"] = list(self.notices)
        return found | {stage.role: stage.to_dict(defaults) for stage in self.stages}

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
        overrides: ``key=value`` words, each for every pipeline that has the stage it speaks of.

    Raises:
        SpecErrors: also when two pipelines carry one name, or an override suits no pipeline.
    """
    words = _parse_words(overrides)
    unused = {word.word: word for word in words if word.stage is not None}
    found: list[tuple[str, OdqaError]] = []
    specs: list[PipelineSpec] = []
    named: dict[str, str] = {}
    refs, all_read = list(refs), True
    for ref in refs:
        try:
            source, used = apply_overrides(read_with_parents(find_spec(ref)), words)
        except SpecError as error:
            all_read = False
            found.append((str(ref), error))
            continue
        for word in used:
            unused.pop(word.word, None)
        try:
            spec = parse_pipeline(source)
        except SpecErrors as errors:
            found += [(str(ref), problem) for problem in errors.problems]
            continue
        if spec.name in named:
            taken = SpecError(
                f"the name '{spec.name}' is taken by {named[spec.name]}",
                where=source.where(("name",)),
                cure="give each pipeline a name of its own",
            )
            found.append((str(ref), taken))
        named.setdefault(spec.name, source.origin)
        specs.append(spec)
    problems = _told_once(found, len(refs))
    for word in unused.values() if refs and all_read else ():
        what, cure = f"no pipeline has a {word.stage}", f"add one: --set {word.stage}.type=…"
        problems.append(SpecError(what, where=word.where, cure=cure))
    if problems:
        raise SpecErrors(problems)
    return specs


def _parse_words(words: Iterable[str]) -> list[Override]:
    """`parse_overrides`, its error as `SpecErrors`."""
    try:
        return parse_overrides(words)
    except SpecError as error:
        raise SpecErrors([error]) from None


def _told_once(found: Sequence[tuple[str, OdqaError]], n: int) -> list[OdqaError]:
    """Problems of ``n`` specs; one that an override made in some of them names those."""
    times = Counter(problem.line() for _, problem in found)
    told: dict[str, OdqaError] = {}
    for ref, problem in found:
        if problem.where.startswith("--set") and times[problem.line()] < n:
            where = f"{problem.where} (of {ref})"
            problem = SpecError(problem.what, where=where, cure=problem.cure)
        told.setdefault(problem.line(), problem)
    return list(told.values())


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
    known = [*Header.model_fields, *ROLES, "extends"]
    if "extends" in source.data:
        where = source.where(("extends",))
        problems.append(SpecError("nothing to extend from here", where=where, cure="use a file"))
    problems += [
        SpecError(
            f"unknown key '{key}'", where=source.where((key,)), cure=did_you_mean(str(key), known)
        )
        for key in source.data
        if key not in known
    ]
    header = build(Header, source.data, source, (), problems)
    if header is not None and not _NAME.fullmatch(header.name):
        problems.append(
            SpecError(
                f"'{header.name}' is no name",
                where=source.where(("name",)),
                cure="use letters, digits and . _ + - only (it becomes a folder name)",
            )
        )
    common = header.model_dump(include=set(_FOR_ALL), exclude_none=True) if header else {}
    stages = {
        role: None
        if values is None
        else parse_stage(role, values, source, (role,), common, problems)
        for role, values in ((role, source.data.get(role)) for role in ROLES)
    }
    if source.data.get("retriever") is None:
        problems.append(
            SpecError("no retriever", where=source.where(("retriever",)), cure="add one")
        )
    if problems:
        raise SpecErrors(problems)
    assert header is not None and stages["retriever"] is not None
    return PipelineSpec(
        header.name,
        stages["retriever"],
        stages["ranker"],
        stages["reader"],
        header.description,
        header.notices,
    )
